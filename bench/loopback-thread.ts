/** The other end of bench/loopback-echo. */
import { createServer } from 'node:net';
import { parentPort } from 'node:worker_threads';

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
});
server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as { port: number }).port));
