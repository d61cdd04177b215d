/** How clients reach a simulated member: by lanes that come and go with leadership, or as those of a node, which forwards. */
import type { MemberIndex } from '../../src/base/types.ts';
import { FORWARD_RUN_BYTES } from '../../src/limits.ts';
import { makePortableBulk } from '../../src/memory/portable-bulk.ts';
import { ForwardDesk } from '../../src/runtime/forward-desk.ts';
import type { GroupDriver } from '../../src/runtime/group-driver.ts';
import type { GroupHost } from '../../src/runtime/group-host.ts';
import { LaneTap } from '../../src/runtime/lane-tap.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import type { SimClient } from './sim-client.ts';

/** Four runs: a queue of the real size costs more to make than a life. */
const QUEUE_BYTES = 4 * FORWARD_RUN_BYTES;

/** Connects the lanes of a client to a group of member `index`, unless the client lives elsewhere. */
export function addLanes(host: GroupHost, index: MemberIndex, { home, lanes }: SimClient): void {
  if (home >= 0 && home !== index) return;
  for (const lane of lanes) {
    const ring = lane.rings[index] as SharedArrayBuffer;
    host.addLane(new LaneTap(lane.laneId, lane.lane, ring, home >= 0));
  }
}

/** The client is gone. */
export function removeLanes(host: GroupHost, { lanes }: SimClient): void {
  for (const { laneId } of lanes) host.removeLane(laneId);
}

/** What a member in its life `serial` does for the clients of its own process while another leads. */
export function makeDesk(
  driver: GroupDriver,
  transport: Transport,
  clockMs: Float64Array,
  serial: number,
): ForwardDesk {
  const { configuration } = driver.replica.state;
  return new ForwardDesk({
    groupId: driver.groupId,
    self: configuration.self,
    epoch: configuration.epoch,
    transport,
    bulk: makePortableBulk(crc32c),
    clockMs,
    driver,
    memberCount: configuration.nodeIds.length,
    serial,
    queueBytes: QUEUE_BYTES,
  });
}
