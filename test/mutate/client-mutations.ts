/** Mutations of configuration, client endpoint, command line and placement: what would let somebody in, or say the wrong thing. */
import { type Mutation, m } from './mutation.ts';

export const CLIENT_MUTATIONS: readonly Mutation[] = [
  m(
    'engine/client-endpoint',
    'if (!isLoopback(host))',
    'if (false)',
    'a web page reaches loopback by a name of its own',
    ['client-endpoint'],
  ),
  m(
    'engine/endpoint-routes',
    "route.method === 'POST' && exchange.request.headers['content-type'] !== BINARY",
    'false',
    'a web page sends commands',
    ['client-endpoint'],
  ),
  m(
    'engine/http-exchange',
    'if (length <= bytesMax)',
    'if (true)',
    'a body without a declared length grows without bound',
    ['client-endpoint'],
  ),
  m(
    'engine/client-endpoint',
    'tls === undefined && insecure !== true && !isLoopback(listen.host)',
    'false',
    'plain HTTP beyond loopback, unasked',
    ['client-endpoint'],
  ),
  m('engine/endpoint-routes', '.catch(withoutDoubt)', '', 'a query is told to be in doubt', ['client-endpoint']),
  m(
    'cli/http-client',
    "'ERR_SYNOD_OUTCOME_UNKNOWN'))",
    "'ERR_SYNOD_TIMEOUT'))",
    'a command without an answer is sent to the next node',
    ['cli/http-client'],
  ),
  m('cli/http-client', 'isConnected = true;', '', 'a command that was sent counts as not sent', ['cli/http-client']),
  m('config/validate', "if (!get(resolved, 'insecure'))", 'if (false)', 'plain text between machines, unasked', [
    'config/validate',
  ]),
  m('config/load', 'given?.value === true', 'false', 'a file makes a new cluster at every start (S13)', [
    'config/load',
  ]),
  m(
    'config/resolve',
    '.find((given) => given !== undefined)',
    '.findLast((given) => given !== undefined)',
    'the weakest source wins',
    ['config/resolve'],
  ),
  m('config/config-file', 'maxAliasCount: 0', 'maxAliasCount: -1', 'a small file names a value of any size', [
    'config/config-file',
  ]),
  m(
    'engine/placement',
    'return workerOfLog(logOfGroup(groupId, logs), workers);',
    'return groupId % workers;',
    'a group is looked for at a worker that does not host its log (S15)',
    ['placement', 'open-cluster'],
  ),
  m(
    'memory/descriptor',
    'WORKER_WORDS + (index - 1) * LINE_WORDS',
    'WORKER_DURABLE_WORD',
    'two logs of a worker share the word that says durable',
    ['memory/descriptor', 'open-cluster'],
  ),
  m(
    'runtime/session-table',
    'if (known >= 0)',
    'if (known >= 0 && this.#ids[known] !== 0)',
    'a late opening revives a session that was closed (S17)',
    ['unit/runtime/session-table'],
  ),
  m('runtime/session-table', 'while (id === this.#ids[index])', 'while (false)', 'resume under the same id (E4)', [
    'unit/runtime/session-table',
  ]),
  m(
    'engine/engine',
    'one.lane.isReads ? failure : publishedBefore(failure)',
    'failure',
    'call retryable what may take effect elsewhere (S18)',
    ['unit/engine/node'],
  ),
  m(
    'engine/router',
    'if (this.#isFatal(view, replica, status))\n                view.failure = error;\n            this.#events.onGroupError(group, replica, error);',
    'this.#events.onGroupError(group, replica, error);\n            if (this.#isFatal(view, replica, status))\n                view.failure = error;',
    'tell of an error before the shard counts as failed',
    ['unit/engine/engine'],
  ),
];
