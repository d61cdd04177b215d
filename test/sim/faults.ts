/**
 * Which faults a run has, and how hard: drawn from the seed (swarm) or all at a moderate rate. Rates are per virtual tick unless said
 * otherwise; 0 turns a class off, which is also how shrinking works.
 */
import type { Prng } from '../../src/base/prng.ts';

export interface FaultMix {
  /** Chance per frame that it is lost, sent twice, or delayed by up to `delayTicksMax`. */
  loss: number;
  duplicate: number;
  delayTicksMax: number;
  /** Chance per frame that it is kept, and per tick that one of those kept arrives again. */
  replay: number;
  /** Chance per tick that a partition begins (kind drawn), and its mean length. */
  partition: number;
  partitionTicks: number;
  /** Chance per tick and member. */
  crash: number;
  restartTicks: number;
  pause: number;
  pauseTicks: number;
  /** Chance per crash that writes in flight tear or survive out of order, instead of vanishing. */
  tear: number;
  /** Chance per submission that it takes up to `slowDiskTicks`. */
  slowDisk: number;
  slowDiskTicks: number;
  /** Chance per tick and member that its disk is sluggish, and for how long: every write takes a timeout or more. */
  sluggish: number;
  sluggishTicks: number;
  /** Chance per submission that the device fails and latches. */
  diskError: number;
  /** Member clocks run at 1 ± drift; leases are made for it, and are so long. */
  drift: number;
  leaseTicks: number;
  /** Chance per tick that all members lose power at once. */
  powerCut: number;
  /** Chance per tick that a client forgets its route and is sent to a random replica. */
  misroute: number;
  /** Chance per tick that leadership is handed over. */
  transfer: number;
  /** Chance per crash that the others are told, and per tick that they are told of one that lives. */
  suspicion: number;
  falseSuspicion: number;
  /** Chance per tick that a client dies and begins anew, with another session. */
  clientDeath: number;
  /** Chance per tick that one direction of a link holds everything back, then lets it all through at once. */
  clog: number;
  clogTicks: number;
  /** Chance per tick that only part of the links stand (a star, a chain, a bridge, a drawn graph); lasts like a partition. */
  mesh: number;
  /** Chance per tick that a link begins to go up and down, and how long it stays in one state at most. */
  flap: number;
  flapTicks: number;
  /** Chance per tick that the medium damages something durable; at most one member at a time forgets (S12). */
  bitRot: number;
  /** Chance per rot that it may strike the newest record of a log that was idle for a while (S11). */
  idleRot: number;
  misdirect: number;
  wipe: number;
  /** Chance per tick and member that its disk is full, and for how long. */
  diskFull: number;
  diskFullTicks: number;
  /** Chance per tick and member that it will crash at a drawn one of its next persist points. */
  crashPoint: number;
  /** Chance per tick and member that it crashes three to six times in a row, in recovery or soon after. */
  crashLoop: number;
  /** Chance per tick and member that its clock jumps by up to `clockJumpTicks`, forward or standing still. */
  clockJump: number;
  clockJumpTicks: number;
  /** Chance per tick that a client sends everything unanswered again. */
  resend: number;
  /** Chance per tick that what a client asks stays on its way for up to `holdTicks`. */
  hold: number;
  holdTicks: number;
  /** Chance per snapshot that it cannot be published; chance per tick that the newest one of a member rots. */
  snapshotFailure: number;
  snapshotRot: number;
}

export const NO_FAULTS: FaultMix = {
  loss: 0,
  duplicate: 0,
  delayTicksMax: 0,
  replay: 0,
  partition: 0,
  partitionTicks: 0,
  crash: 0,
  restartTicks: 50,
  pause: 0,
  pauseTicks: 0,
  tear: 0,
  slowDisk: 0,
  slowDiskTicks: 0,
  sluggish: 0,
  sluggishTicks: 0,
  diskError: 0,
  drift: 0,
  leaseTicks: 20,
  powerCut: 0,
  misroute: 0,
  transfer: 0,
  suspicion: 0,
  falseSuspicion: 0,
  clientDeath: 0,
  clog: 0,
  clogTicks: 0,
  mesh: 0,
  flap: 0,
  flapTicks: 0,
  bitRot: 0,
  idleRot: 0,
  misdirect: 0,
  wipe: 0,
  diskFull: 0,
  diskFullTicks: 0,
  crashPoint: 0,
  crashLoop: 0,
  clockJump: 0,
  clockJumpTicks: 0,
  resend: 0,
  hold: 0,
  holdTicks: 0,
  snapshotFailure: 0,
  snapshotRot: 0,
};

export const MODERATE_FAULTS: FaultMix = {
  loss: 0.02,
  duplicate: 0.02,
  delayTicksMax: 3,
  replay: 0.02,
  partition: 0.004,
  partitionTicks: 80,
  crash: 0.001,
  restartTicks: 60,
  pause: 0.002,
  pauseTicks: 80,
  tear: 0.7,
  slowDisk: 0.05,
  slowDiskTicks: 10,
  sluggish: 0.0003,
  sluggishTicks: 300,
  diskError: 0.0002,
  drift: 0.1,
  leaseTicks: 20,
  powerCut: 0.0005,
  misroute: 0.002,
  transfer: 0.002,
  suspicion: 0.5,
  falseSuspicion: 0.0005,
  clientDeath: 0.003,
  clog: 0.004,
  clogTicks: 40,
  mesh: 0.003,
  flap: 0.001,
  flapTicks: 30,
  bitRot: 0.001,
  idleRot: 0.5,
  misdirect: 0.001,
  wipe: 0.0005,
  diskFull: 0.0003,
  diskFullTicks: 100,
  crashPoint: 0.0006,
  crashLoop: 0.0001,
  clockJump: 0.001,
  clockJumpTicks: 60,
  resend: 0.003,
  hold: 0.003,
  holdTicks: 30,
  snapshotFailure: 0.05,
  snapshotRot: 0.002,
};

const SOUND_MEDIA: Partial<FaultMix> = { bitRot: 0, misdirect: 0, wipe: 0, snapshotRot: 0 };

/** Some classes off, some moderate, some extreme; each by a draw of its own, so that a new class leaves the others of a seed as they were. */
export function drawFaults(prng: Prng): FaultMix {
  const mix: FaultMix = { ...MODERATE_FAULTS };
  for (const name of Object.keys(mix) as (keyof FaultMix)[]) {
    const roll = prng.fork(name).float();
    if (roll < 0.3 && name !== 'restartTicks') mix[name] = 0;
    else if (roll > 0.8) mix[name] = extreme(name, mix[name]);
  }
  // Who forgot needs everybody: only where all media are sound may a minority be left out in the end.
  if (prng.fork('sound media').chance(0.4)) Object.assign(mix, SOUND_MEDIA);
  return mix;
}

function extreme(name: keyof FaultMix, moderate: number): number {
  if (name.endsWith('Ticks') || name.endsWith('TicksMax')) return moderate * 4;
  if (name === 'crashLoop') return moderate * 2;
  if (name === 'tear' || name === 'idleRot' || name === 'suspicion') return 1;
  if (name === 'drift') return 0.5;
  if (name === 'loss' || name === 'duplicate') return 0.25;
  return moderate * 6;
}
