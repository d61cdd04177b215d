/**
 * A client process of its own for the tests of sessions: a cluster, one session whose token is kept in a file, and one command after the other
 * until somebody kills it, or, asked to stop, what is there.
 *
 *   argv: directory, token file, 'run' | 'stop'     stdout: lines of JSON
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { openCluster } from '../../src/index.ts';

const [directory, tokenFile, task] = process.argv.slice(2) as [string, string, string];
const one = new Uint8Array(Int32Array.of(1, 0).buffer);
const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

const cluster = await openCluster({ directory, shards: 1, machine: 'counter' });
const token = existsSync(tokenFile) ? readFileSync(tokenFile, 'utf8') : undefined;
const session = await cluster.session(token === undefined ? { key: 'a' } : { token });
writeFileSync(tokenFile, session.token);
say({ resumed: session.lastApplied });
if (task === 'run') {
  for (;;) {
    // Some in flight: the kill meets commands of unknown outcome.
    const replies = Array.from({ length: 8 }, () => session.propose(one));
    await Promise.all(replies);
    say({ acknowledged: session.lastNumber });
  }
}
const reply = await cluster.read('a', one);
say({ value: new DataView(reply.buffer, reply.byteOffset).getInt32(0, true) });
session.detach();
await cluster.close();
