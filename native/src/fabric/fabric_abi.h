// What this addon knows of libfabric's binary interface (version FABRIC_1.3 of fi_getinfo, stable since library 1.5): layouts and
// numbers, declared here so that nothing of libfabric is needed to build. Operations that are not called are `Unused` slots: only
// their place matters. `test/native/fabric-abi.test.ts` compares all of it with the installed headers, where there are any.
#pragma once
#include <cstddef>
#include <cstdint>
#include <sys/types.h>
#include <sys/uio.h>

namespace synod::ofi {

constexpr uint32_t version(uint32_t major, uint32_t minor) { return (major << 16) | minor; }

constexpr uint64_t kMsg = 1ull << 1, kRma = 1ull << 2, kRead = 1ull << 8, kWrite = 1ull << 9, kRecv = 1ull << 10, kSend = 1ull << 11;
constexpr uint64_t kRemoteWrite = 1ull << 13, kRemoteCqData = 1ull << 17, kCompletion = 1ull << 24;
constexpr uint64_t kContext = 1ull << 59, kRxCqData = 1ull << 56, kContext2 = 1ull << 52;
constexpr int kMrLocal = 1 << 2, kMrVirtAddr = 1 << 4, kMrAllocated = 1 << 5, kMrProvKey = 1 << 6, kMrEndpoint = 1 << 9;
constexpr int kEpMsg = 1, kEpRdm = 3;
constexpr int kThreadSafe = 1;
constexpr int kAvMap = 1;
constexpr int kAvTable = 2;
constexpr int kCqFormatData = 3;
constexpr int kWaitNone = 0, kWaitUnspec = 1, kWaitFd = 3;
constexpr uint32_t kConnReq = 1, kConnected = 2, kShutdown = 3;
constexpr int kControlGetWait = 5, kControlEnable = 6;
constexpr uint64_t kSource = 1ull << 57;
constexpr uint64_t kAddrUnspec = ~0ull;

using Unused = void (*)();
using Address = uint64_t;

struct Fid;
struct FidOps {
  size_t size;
  int (*close)(Fid*);
  int (*bind)(Fid*, Fid*, uint64_t flags);
  int (*control)(Fid*, int command, void* argument);
};
struct Fid {
  size_t kind;
  void* context;
  FidOps* ops;
};

struct TxAttr {
  uint64_t caps, mode, opFlags, msgOrder, compOrder;
  size_t injectSize, size, iovLimit, rmaIovLimit;
  uint32_t trafficClass;
};
struct RxAttr {
  uint64_t caps, mode, opFlags, msgOrder, compOrder;
  size_t totalBufferedRecv, size, iovLimit;
};
struct EpAttr {
  int type;
  uint32_t protocol, protocolVersion;
  size_t maxMsgSize, msgPrefixSize, maxOrderRaw, maxOrderWar, maxOrderWaw;
  uint64_t memTagFormat;
  size_t txContexts, rxContexts, authKeySize;
  uint8_t* authKey;
};
struct DomainAttr {
  Fid* domain;
  char* name;
  int threading, controlProgress, dataProgress, resourceManagement, avType, mrMode;
  size_t mrKeySize, cqDataSize, cqCount, epCount, txContexts, rxContexts, maxEpTx, maxEpRx, maxEpStx, maxEpSrx, counters, mrIovLimit;
  uint64_t caps, mode;
  uint8_t* authKey;
  size_t authKeySize, maxErrData, mrCount;
  uint32_t trafficClass;
};
struct FabricAttr {
  Fid* fabric;
  char* name;
  char* providerName;
  uint32_t providerVersion, apiVersion;
};
struct Info {
  Info* next;
  uint64_t caps, mode;
  uint32_t addressFormat;
  size_t sourceLength, destinationLength;
  void* source;
  void* destination;
  Fid* handle;
  TxAttr* tx;
  RxAttr* rx;
  EpAttr* ep;
  DomainAttr* domain;
  FabricAttr* fabric;
  void* nic;
};

struct Fabric;
struct Domain;
struct Endpoint;
struct PassiveEndpoint;
struct EventQueue;
struct CompletionQueue;
struct AddressVector;
struct MemoryRegion;

struct EqAttr {
  size_t size;
  uint64_t flags;
  int waitObject, signalingVector;
  Fid* waitSet;
};
struct CqAttr {
  size_t size;
  uint64_t flags;
  int format, waitObject, signalingVector, waitCondition;
  Fid* waitSet;
};
struct AvAttr {
  int type, rxContextBits;
  size_t count, endpointsPerNode;
  const char* name;
  void* mapAddress;
  uint64_t flags;
};

struct FabricOps {
  size_t size;
  int (*domain)(Fabric*, Info*, Domain**, void* context);
  int (*passiveEndpoint)(Fabric*, Info*, PassiveEndpoint**, void* context);
  int (*openEventQueue)(Fabric*, EqAttr*, EventQueue**, void* context);
  Unused waitOpen;
  int (*tryWait)(Fabric*, Fid**, int count);
};
struct Fabric {
  Fid fid;
  FabricOps* ops;
  uint32_t apiVersion;
};

struct DomainOps {
  size_t size;
  int (*openAddressVector)(Domain*, AvAttr*, AddressVector**, void* context);
  int (*openCompletionQueue)(Domain*, CqAttr*, CompletionQueue**, void* context);
  int (*endpoint)(Domain*, Info*, Endpoint**, void* context);
};
struct RegionOps {
  size_t size;
  int (*reg)(Fid*, const void* bytes, size_t length, uint64_t access, uint64_t offset, uint64_t key, uint64_t flags, MemoryRegion**, void*);
};
struct Domain {
  Fid fid;
  DomainOps* ops;
  RegionOps* mr;
};
struct MemoryRegion {
  Fid fid;
  void* descriptor;
  uint64_t key;
};

struct CmOps {
  size_t size;
  int (*setName)(Fid*, void* address, size_t length);
  int (*getName)(Fid*, void* address, size_t* length);
  Unused getPeer;
  int (*connect)(Endpoint*, const void* address, const void* parameter, size_t length);
  int (*listen)(PassiveEndpoint*);
  int (*accept)(Endpoint*, const void* parameter, size_t length);
  int (*reject)(PassiveEndpoint*, Fid* handle, const void* parameter, size_t length);
  int (*shutdown)(Endpoint*, uint64_t flags);
};
struct MessageOps {
  size_t size;
  ssize_t (*recv)(Endpoint*, void* bytes, size_t length, void* descriptor, Address source, void* context);
};
struct RmaVector {
  uint64_t address;
  size_t length;
  uint64_t key;
};
struct RmaMessage {
  const iovec* vectors;
  void** descriptors;
  size_t count;
  Address peer;
  const RmaVector* remote;
  size_t remoteCount;
  void* context;
  uint64_t data;
};
struct RmaOps {
  size_t size;
  Unused read, readVector, readMessage, write, writeVector;
  ssize_t (*writeMessage)(Endpoint*, const RmaMessage*, uint64_t flags);
};
struct Endpoint {
  Fid fid;
  void* ops;
  CmOps* cm;
  MessageOps* message;
  RmaOps* rma;
};
struct PassiveEndpoint {
  Fid fid;
  void* ops;
  CmOps* cm;
};

struct EqCmEntry {
  Fid* fid;
  Info* info;
  uint8_t data[256];
};
struct EqErrorEntry {
  Fid* fid;
  void* context;
  uint64_t data;
  int error, providerError;
  void* details;
  size_t detailsSize;
};
struct EqOps {
  size_t size;
  ssize_t (*read)(EventQueue*, uint32_t* event, void* entry, size_t length, uint64_t flags);
  ssize_t (*readError)(EventQueue*, EqErrorEntry*, uint64_t flags);
};
struct EventQueue {
  Fid fid;
  EqOps* ops;
};

struct CqEntry {
  void* context;
  uint64_t flags;
  size_t length;
  void* bytes;
  uint64_t data;
};
struct CqErrorEntry {
  void* context;
  uint64_t flags;
  size_t length;
  void* bytes;
  uint64_t data, tag;
  size_t overflow;
  int error, providerError;
  void* details;
  size_t detailsSize;
};
struct CqOps {
  size_t size;
  ssize_t (*read)(CompletionQueue*, void* entries, size_t count);
  Unused readFrom;
  ssize_t (*readError)(CompletionQueue*, CqErrorEntry*, uint64_t flags);
};
struct CompletionQueue {
  Fid fid;
  CqOps* ops;
};

struct AvOps {
  size_t size;
  int (*insert)(AddressVector*, const void* address, size_t count, Address*, uint64_t flags, void* context);
};
struct AddressVector {
  Fid fid;
  AvOps* ops;
};

// struct fi_context2: a provider's scratch space, behind every operation in flight.
struct Context {
  void* internal[8];
};

}  // namespace synod::ofi
