/** What the addon declares of libfabric's interface against the installed headers: sizes, places and numbers, checked by a compiler. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const HEADERS = '/usr/include/rdma/fi_rma.h';
const SOURCES = fileURLToPath(new URL('../../../native/src', import.meta.url));

/** Ours, theirs, and fields that must stand at the same place. */
const STRUCTS: readonly [ours: string, theirs: string, fields: readonly (readonly [string, string])[]][] = [
  [
    'TxAttr',
    'fi_tx_attr',
    [
      ['injectSize', 'inject_size'],
      ['size', 'size'],
      ['iovLimit', 'iov_limit'],
    ],
  ],
  [
    'RxAttr',
    'fi_rx_attr',
    [
      ['mode', 'mode'],
      ['size', 'size'],
    ],
  ],
  [
    'EpAttr',
    'fi_ep_attr',
    [
      ['type', 'type'],
      ['maxMsgSize', 'max_msg_size'],
      ['authKey', 'auth_key'],
    ],
  ],
  [
    'DomainAttr',
    'fi_domain_attr',
    [
      ['threading', 'threading'],
      ['avType', 'av_type'],
      ['mrMode', 'mr_mode'],
      ['mrKeySize', 'mr_key_size'],
      ['cqDataSize', 'cq_data_size'],
      ['trafficClass', 'tclass'],
    ],
  ],
  [
    'FabricAttr',
    'fi_fabric_attr',
    [
      ['providerName', 'prov_name'],
      ['apiVersion', 'api_version'],
    ],
  ],
  [
    'Info',
    'fi_info',
    [
      ['mode', 'mode'],
      ['destinationLength', 'dest_addrlen'],
      ['destination', 'dest_addr'],
      ['handle', 'handle'],
      ['tx', 'tx_attr'],
      ['fabric', 'fabric_attr'],
      ['nic', 'nic'],
    ],
  ],
  ['Fid', 'fid', [['ops', 'ops']]],
  [
    'EqAttr',
    'fi_eq_attr',
    [
      ['waitObject', 'wait_obj'],
      ['waitSet', 'wait_set'],
    ],
  ],
  [
    'CqAttr',
    'fi_cq_attr',
    [
      ['format', 'format'],
      ['waitObject', 'wait_obj'],
      ['waitSet', 'wait_set'],
    ],
  ],
  [
    'AvAttr',
    'fi_av_attr',
    [
      ['count', 'count'],
      ['flags', 'flags'],
    ],
  ],
  ['Fabric', 'fid_fabric', [['ops', 'ops']]],
  [
    'Domain',
    'fid_domain',
    [
      ['ops', 'ops'],
      ['mr', 'mr'],
    ],
  ],
  [
    'MemoryRegion',
    'fid_mr',
    [
      ['descriptor', 'mem_desc'],
      ['key', 'key'],
    ],
  ],
  [
    'RmaVector',
    'fi_rma_iov',
    [
      ['length', 'len'],
      ['key', 'key'],
    ],
  ],
  [
    'RmaMessage',
    'fi_msg_rma',
    [
      ['descriptors', 'desc'],
      ['peer', 'addr'],
      ['remote', 'rma_iov'],
      ['context', 'context'],
      ['data', 'data'],
    ],
  ],
  ['EqErrorEntry', 'fi_eq_err_entry', [['error', 'err']]],
  [
    'CqEntry',
    'fi_cq_data_entry',
    [
      ['flags', 'flags'],
      ['data', 'data'],
    ],
  ],
  [
    'CqErrorEntry',
    'fi_cq_err_entry',
    [
      ['error', 'err'],
      ['detailsSize', 'err_data_size'],
    ],
  ],
  ['Context', 'fi_context2', []],
];

/** Tables and objects of which only the front is declared: places alone. */
const PLACES: readonly [ours: string, theirs: string, fields: readonly (readonly [string, string])[]][] = [
  [
    'FidOps',
    'fi_ops',
    [
      ['close', 'close'],
      ['bind', 'bind'],
      ['control', 'control'],
    ],
  ],
  [
    'FabricOps',
    'fi_ops_fabric',
    [
      ['domain', 'domain'],
      ['passiveEndpoint', 'passive_ep'],
      ['openEventQueue', 'eq_open'],
      ['tryWait', 'trywait'],
    ],
  ],
  [
    'DomainOps',
    'fi_ops_domain',
    [
      ['openAddressVector', 'av_open'],
      ['openCompletionQueue', 'cq_open'],
      ['endpoint', 'endpoint'],
    ],
  ],
  ['RegionOps', 'fi_ops_mr', [['reg', 'reg']]],
  [
    'CmOps',
    'fi_ops_cm',
    [
      ['getName', 'getname'],
      ['connect', 'connect'],
      ['listen', 'listen'],
      ['accept', 'accept'],
      ['reject', 'reject'],
    ],
  ],
  ['MessageOps', 'fi_ops_msg', [['recv', 'recv']]],
  ['RmaOps', 'fi_ops_rma', [['writeMessage', 'writemsg']]],
  [
    'EqOps',
    'fi_ops_eq',
    [
      ['read', 'read'],
      ['readError', 'readerr'],
    ],
  ],
  [
    'CqOps',
    'fi_ops_cq',
    [
      ['read', 'read'],
      ['readError', 'readerr'],
    ],
  ],
  ['AvOps', 'fi_ops_av', [['insert', 'insert']]],
  [
    'Endpoint',
    'fid_ep',
    [
      ['cm', 'cm'],
      ['message', 'msg'],
      ['rma', 'rma'],
    ],
  ],
  ['PassiveEndpoint', 'fid_pep', [['cm', 'cm']]],
  [
    'EqCmEntry',
    'fi_eq_cm_entry',
    [
      ['info', 'info'],
      ['data', 'data'],
    ],
  ],
];

const NUMBERS: readonly [ours: string, theirs: string][] = [
  ['kMsg', 'FI_MSG'],
  ['kRma', 'FI_RMA'],
  ['kWrite', 'FI_WRITE'],
  ['kRecv', 'FI_RECV'],
  ['kSend', 'FI_SEND'],
  ['kRemoteWrite', 'FI_REMOTE_WRITE'],
  ['kRemoteCqData', 'FI_REMOTE_CQ_DATA'],
  ['kCompletion', 'FI_COMPLETION'],
  ['kContext', 'FI_CONTEXT'],
  ['kContext2', 'FI_CONTEXT2'],
  ['kRxCqData', 'FI_RX_CQ_DATA'],
  ['kSource', 'FI_SOURCE'],
  ['kMrLocal', 'FI_MR_LOCAL'],
  ['kMrVirtAddr', 'FI_MR_VIRT_ADDR'],
  ['kMrAllocated', 'FI_MR_ALLOCATED'],
  ['kMrProvKey', 'FI_MR_PROV_KEY'],
  ['kEpMsg', 'FI_EP_MSG'],
  ['kEpRdm', 'FI_EP_RDM'],
  ['kThreadSafe', 'FI_THREAD_SAFE'],
  ['kAvMap', 'FI_AV_MAP'],
  ['kAvTable', 'FI_AV_TABLE'],
  ['kCqFormatData', 'FI_CQ_FORMAT_DATA'],
  ['kWaitNone', 'FI_WAIT_NONE'],
  ['kWaitFd', 'FI_WAIT_FD'],
  ['kConnReq', 'FI_CONNREQ'],
  ['kConnected', 'FI_CONNECTED'],
  ['kShutdown', 'FI_SHUTDOWN'],
  ['kControlGetWait', 'FI_GETWAIT'],
  ['kControlEnable', 'FI_ENABLE'],
  ['kAddrUnspec', 'FI_ADDR_UNSPEC'],
];

function program(): string {
  const lines = ['fabric', 'fi_eq', 'fi_domain', 'fi_endpoint', 'fi_cm', 'fi_rma', 'fi_errno'].map(
    (name) => `#include <rdma/${name}.h>`,
  );
  lines.push('#include "fabric/fabric_abi.h"', 'namespace ofi = synod::ofi;');
  for (const [ours, theirs] of STRUCTS)
    lines.push(`static_assert(sizeof(ofi::${ours}) == sizeof(${theirs}), "${ours}");`);
  for (const [ours, theirs, fields] of [...STRUCTS, ...PLACES]) {
    for (const [own, other] of fields) {
      lines.push(`static_assert(offsetof(ofi::${ours}, ${own}) == offsetof(${theirs}, ${other}), "${ours}.${own}");`);
    }
  }
  for (const [ours, theirs] of NUMBERS)
    lines.push(`static_assert(static_cast<uint64_t>(ofi::${ours}) == static_cast<uint64_t>(${theirs}), "${ours}");`);
  lines.push('static_assert(FI_EAVAIL == 259, "FI_EAVAIL");');
  return `${lines.join('\n')}\n`;
}

const test = suite('native/fabric-abi');

if (!existsSync(HEADERS))
  console.log('SKIPPED: the comparison with the headers of libfabric (1): libfabric-dev is not installed');

test('layouts, operation tables and numbers are those of the installed headers', () => {
  if (!existsSync(HEADERS)) return;
  const args = ['-std=c++17', '-fsyntax-only', '-Wno-invalid-offsetof', `-I${SOURCES}`, '-x', 'c++', '-'];
  const { status, stderr } = spawnSync('c++', args, { input: program(), encoding: 'utf8' });
  assert.is(status, 0, stderr);
});

test.run();
