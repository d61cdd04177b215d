/** What a driver reports upward: the status block in production, a recorder in the simulator. */
import type { MemberIndex, Slot } from '../base/types.ts';

/** Gets frames that are no matter of the core: of snapshots, of forwarded commands. `offset`: where the bytes of the value begin. */
export type SideFrameHandler = (message: Float64Array, bytes: Uint8Array, offset: number) => void;

export interface GroupObserver {
  onRole(role: number, leadershipSerial: number, leader: MemberIndex): void;
  onCommit(commitWatermark: Slot, ballot: number): void;
  onApplied(appliedWatermark: Slot, digest: number, commands: number): void;
  /** The replies of a member up to `watermark` equal this leader's, or not. */
  onDigest(member: MemberIndex, watermark: Slot, isEqual: boolean): void;
}
