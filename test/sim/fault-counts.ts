/** The fault classes of the simulator, each with its counter. A new class is a field here, a rate in faults.ts, and a strike where it belongs. */
import { LOG_FAILED, LOG_FULL, LOG_SLOW } from '../../src/memory/descriptor.ts';

/** What members made of faults: no fault itself. */
const OUTCOMES: ReadonlySet<string> = new Set([
  'rejoin',
  'snapshot',
  'snapshotFallback',
  'snapshotInstall',
  'retiredSegment',
  'forwardedRun',
  'forwardRewind',
  'unknownOutcome',
  'resumedSession',
  'logFull',
  'logSlow',
  'logFailed',
  'leaseRead',
  'sessionRead',
  'staleRead',
  'reconfiguration',
]);

/** How often each fault class struck; a class that exists and never struck makes a swarm run worthless. */
export class FaultCounts {
  loss = 0;
  duplicate = 0;
  delay = 0;
  replay = 0;
  partition = 0;
  oneWayPartition = 0;
  partitionedFrame = 0;
  crash = 0;
  pause = 0;
  lostWrite = 0;
  tornWrite = 0;
  reorderedWrite = 0;
  slowDisk = 0;
  sluggish = 0;
  diskError = 0;
  drift = 0;
  powerCut = 0;
  misroute = 0;
  transfer = 0;
  suspicion = 0;
  falseSuspicion = 0;
  clog = 0;
  cloggedFrame = 0;
  mesh = 0;
  flap = 0;
  bitRot = 0;
  headerRot = 0;
  misdirectedWrite = 0;
  wipedDirectory = 0;
  refusedDirectory = 0;
  diskFull = 0;
  refusedSegment = 0;
  refusedSubmit = 0;
  logFull = 0;
  logSlow = 0;
  logFailed = 0;
  rejoin = 0;
  crashBeforeSubmit = 0;
  crashAfterSubmit = 0;
  crashBeforeDurable = 0;
  crashAfterDurable = 0;
  crashAtSegment = 0;
  crashLoop = 0;
  clockJump = 0;
  clockStop = 0;
  resend = 0;
  heldRequest = 0;
  clientRestart = 0;
  unknownOutcome = 0;
  resumedSession = 0;
  forwardedRun = 0;
  forwardRewind = 0;
  leaseRead = 0;
  sessionRead = 0;
  staleRead = 0;
  snapshot = 0;
  snapshotFailure = 0;
  snapshotRot = 0;
  snapshotFallback = 0;
  snapshotInstall = 0;
  /** Crashes at a step of writing, publishing, installing or removing a snapshot, and between the steps in which it replaces the machine's state. */
  crashAtSnapshot = 0;
  crashWhileRestoring = 0;
  /** Names that a crash brought back, or left untold. */
  snapshotComesBack = 0;
  snapshotUntold = 0;
  retiredSegment = 0;
  recycledSegment = 0;
  leftOut = 0;
  /** No fault: what a report tells besides; nothing has to have happened. */
  reconfiguration = 0;

  onLogState(state: number): void {
    if (state === LOG_FULL) this.logFull += 1;
    if (state === LOG_SLOW) this.logSlow += 1;
    if (state === LOG_FAILED) this.logFailed += 1;
  }

  /** True for what may not have happened in a whole swarm. */
  isReport(name: string): boolean {
    return name === 'reconfiguration';
  }

  /** Injected faults; what members made of them is counted, and is none. */
  get total(): number {
    const counts = Object.entries(this) as [string, number][];
    return counts.reduce((sum, [name, count]) => sum + (OUTCOMES.has(name) ? 0 : count), 0);
  }

  add(other: FaultCounts): void {
    const mine = this as unknown as Record<string, number>;
    for (const [name, count] of Object.entries(other) as [string, number][]) mine[name] = (mine[name] ?? 0) + count;
  }
}
