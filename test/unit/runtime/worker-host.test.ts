/** One thread's turn over several logs: frames find the log of their group, a group that stops stops alone. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HEARTBEAT, M_KIND, MESSAGE_FIELDS } from '../../../src/paxos/message.ts';
import type { GroupHost } from '../../../src/runtime/group-host.ts';
import type { ReplicaHost } from '../../../src/runtime/replica-host.ts';
import { WorkerHost } from '../../../src/runtime/worker-host.ts';
import type { FrameHandler, Transport } from '../../../src/transport/transport.ts';
import { encodeFrame, FRAME_GROUP_WORD, FRAME_HEADER_BYTES } from '../../../src/wire/frame.ts';

const test = suite('worker-host');

const groupOf = (groupId: number): GroupHost => ({ groupId }) as GroupHost;

/** A log's host that writes down what it is told. */
function fakeLog(name: string, ids: number[], told: string[]): ReplicaHost {
  const groups = ids.map(groupOf);
  return {
    groups,
    group: (id: number) => groups.find(({ groupId }) => groupId === id),
    beginTurn: () => void told.push(`begin ${name}`),
    finishTurn: () => told.push(`finish ${name}`) && 1,
    tick: () => void told.push(`tick ${name}`),
    suspect: (member: number) => void told.push(`suspect ${name} ${member}`),
    stop: ({ groupId }: GroupHost) => void told.push(`stop ${name} ${groupId}`),
    onFrame: (words: Int32Array, _bytes: Uint8Array, offset: number) =>
      void told.push(`frame ${name} ${words[(offset >> 2) + FRAME_GROUP_WORD]}`),
  } as unknown as ReplicaHost;
}

/** A transport that hands over these bytes at each poll. */
function fakeTransport(frames: Uint8Array[]): Transport {
  return {
    poll(handler: FrameHandler): number {
      for (const bytes of frames) handler(new Int32Array(bytes.buffer), bytes, 0, bytes.length);
      return frames.length;
    },
  } as unknown as Transport;
}

function frame(group: number): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES);
  const message = new Float64Array(MESSAGE_FIELDS);
  message[M_KIND] = HEARTBEAT;
  encodeFrame(new Int32Array(bytes.buffer), 0, group, message);
  return bytes;
}

test('frames are taken once, between the beginning and the end of every log', () => {
  const told: string[] = [];
  const logs = [fakeLog('a', [0, 2], told), fakeLog('b', [1, 3], told)];
  const host = new WorkerHost(fakeTransport([frame(3), frame(0)]), logs);
  assert.is(host.doWork(), 4);
  assert.equal(told, ['begin a', 'begin b', 'frame b 3', 'frame a 0', 'finish a', 'finish b']);
});

test('what names no group here, or is no frame, is refused and counted', () => {
  const told: string[] = [];
  const host = new WorkerHost(fakeTransport([frame(7), new Uint8Array(8)]), [fakeLog('a', [0], told)]);
  host.doWork();
  assert.equal(told, ['begin a', 'finish a']);
  assert.is(host.refused, 2);
});

test('ticks and suspicions go to every log, a stop to that of the group', () => {
  const told: string[] = [];
  const host = new WorkerHost(fakeTransport([]), [fakeLog('a', [0], told), fakeLog('b', [1], told)]);
  host.tick();
  host.suspect(2);
  host.stop(host.group(1) as GroupHost, new Error('stopped'));
  assert.equal(told, ['tick a', 'tick b', 'suspect a 2', 'suspect b 2', 'stop b 1']);
  assert.equal(
    host.groups.map(({ groupId }) => groupId),
    [0, 1],
  );
  assert.is(host.group(5), undefined);
});

test.run();
