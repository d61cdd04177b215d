/** What addresses and errors of sockets mean. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describeError, isLoopback, reasonOfError } from '../../../src/transport/line.ts';

const test = suite('transport/line');

const error = (code: string): Error => Object.assign(new Error('what happened'), { code });

test('loopback is what does not leave the machine', () => {
  for (const host of ['127.0.0.1', '127.8.9.1', '::1', 'localhost', '::ffff:127.0.0.1'])
    assert.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'node-1', '', '128.0.0.1', '1127.0.0.1', 'localhost.example.org']) {
    assert.not.ok(isLoopback(host), host);
  }
});

test('errors of certificates are told from those of the network', () => {
  for (const code of [
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'CERT_HAS_EXPIRED',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'CERT_REVOKED',
    'INVALID_PURPOSE',
    'SELF_SIGNED_CERT_IN_CHAIN',
  ]) {
    assert.is(reasonOfError(error(code)), 'certificate', code);
  }
  for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ETIMEDOUT']) {
    assert.is(reasonOfError(error(code)), 'unreachable', code);
  }
  for (const code of ['ECONNRESET', 'EPIPE']) assert.is(reasonOfError(error(code)), 'closed', code);
  assert.is(reasonOfError('text'), 'closed');
});

test('a description has code and words', () => {
  assert.is(describeError(error('EPIPE')), 'EPIPE: what happened');
  assert.is(describeError(new Error('plain')), 'plain');
  assert.is(
    describeError(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })),
    'connect ECONNREFUSED',
  );
});

test.run();
