/**
 * The other process of the transport suite: a node that sends back every frame whose mark says so, and a bare socket that does the
 * same with bytes. Told over the channel of `fork`.
 */
import { createServer, type Socket } from 'node:net';
import { BenchNode, type Carrier, HOST, markOf, nextTurn } from './transport-node.ts';

/** A frame with this mark bit is answered by a frame of the size that the rest of the mark says, in units of 64 bytes. */
export const ANSWER_BIT = 1 << 30;

export type PeerCommand = { kind: 'node'; carrier: Carrier; port: number } | { kind: 'echo' };

async function runNode(carrier: Carrier, port: number): Promise<void> {
  const node = new BenchNode(1, carrier);
  process.send?.(await node.listen());
  await node.meet(port);
  const answers: number[] = [];
  for (;;) {
    node.poll((words, _bytes, offset) => {
      const mark = markOf(words, offset);
      if ((mark & ANSWER_BIT) !== 0) answers.push(mark & ~ANSWER_BIT);
    });
    while (answers.length > 0 && node.offer(0, (answers[0] as number) * 64)) answers.shift();
    node.flush();
    await nextTurn();
  }
}

/** Answers each message: its first four bytes are its size, the next four the size of the answer, 0 = none. */
function runEcho(): void {
  const server = createServer({ noDelay: true }, (socket) => echo(socket));
  server.listen(0, HOST, () => {
    const address = server.address();
    process.send?.(typeof address === 'object' ? address?.port : 0);
  });
}

function echo(socket: Socket): void {
  let header = Buffer.alloc(0);
  let left = 0;
  let answer = 0;
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length; ) {
      if (left === 0) {
        const taken = chunk.subarray(at, at + 8 - header.length);
        header = Buffer.concat([header, taken]);
        at += taken.length;
        if (header.length < 8) return;
        left = header.readInt32LE(0) - 8;
        answer = header.readInt32LE(4);
        header = Buffer.alloc(0);
      }
      const skipped = Math.min(left, chunk.length - at);
      at += skipped;
      left -= skipped;
      if (left === 0 && answer > 0) socket.write(Buffer.alloc(answer));
    }
  });
}

process.on('message', (command: PeerCommand) => {
  if (command.kind === 'echo') runEcho();
  else void runNode(command.carrier, command.port);
});
process.on('disconnect', () => process.exit(0));
