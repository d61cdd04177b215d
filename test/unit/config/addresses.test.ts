/** Addresses and members as written, as objects, and what is neither. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { address, formatAddress, formatMember, isLoopback, members } from '../../../src/config/addresses.ts';

const test = suite('config/addresses');

test('an address is host and port, a port of loopback, or an object', () => {
  const { read } = address(0);
  assert.equal(read('10.0.0.1:7101'), { host: '10.0.0.1', port: 7101 });
  assert.equal(read('node-b.internal:7101'), { host: 'node-b.internal', port: 7101 });
  assert.equal(read('[::1]:7101'), { host: '::1', port: 7101 });
  assert.equal(read('7101'), { host: '127.0.0.1', port: 7101 });
  assert.equal(read(':7101'), { host: '127.0.0.1', port: 7101 });
  assert.equal(read(0), { host: '127.0.0.1', port: 0 });
  assert.equal(read({ host: '::', port: 1 }), { host: '::', port: 1 });
});

test('what is no address is refused', () => {
  const hostile = [
    '',
    'host',
    'host:',
    'host:65536',
    'host:-1',
    '::1:7101',
    '[::1]',
    'a b:1',
    'u@h:1',
    'http://h:1',
    '[zz]:1',
  ];
  for (const value of [...hostile, -1, 65536, 1.5, null, [], {}, { host: 'h' }, { host: 'h', port: '1' }]) {
    assert.is(address(0).read(value), undefined, JSON.stringify(value));
  }
  assert.is(address(0).read({ host: 'h', port: 1, path: '/' }), undefined);
  assert.is(address(0).read({ host: `${'h'.repeat(300)}`, port: 1 }), undefined);
  assert.is(address(1).read('h:0'), undefined);
});

test('members come as one text, as texts, or as objects, and are frozen', () => {
  const expected = [
    { id: 1, host: '10.0.0.1', port: 7101 },
    { id: 20, host: '::1', port: 7102 },
  ];
  const { read } = members();
  for (const value of ['1@10.0.0.1:7101, 20@[::1]:7102', ['1@10.0.0.1:7101', '20@[::1]:7102'], expected]) {
    const taken = read(value) as object[];
    assert.equal(taken, expected);
    assert.ok(Object.isFrozen(taken) && Object.isFrozen(taken[0]));
  }
  assert.not(Object.isFrozen(expected[0]));
});

test('members are few, each id and each address once', () => {
  const { read } = members();
  const many = Array.from({ length: 16 }, (_, index) => `${index + 1}@h:${index + 1}`);
  assert.is((read(many.slice(1)) as object[]).length, 15);
  for (const value of [
    '',
    [],
    many,
    '1@h:1,1@h:2',
    '1@h:1,2@h:1',
    '0@h:1',
    '1048576@h:1',
    '1@h:0',
    'h:1',
    '1@h:1,',
    [7],
    null,
  ]) {
    assert.is(read(value), undefined, JSON.stringify(value));
  }
});

test('loopback is what no network reaches', () => {
  for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost']) assert.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.example.org', 'localhost.example.org']) {
    assert.not(isLoopback(host), host);
  }
});

test('what is read is written the same way', () => {
  for (const text of ['1@10.0.0.1:7101', '2@[fe80::1]:1', '3@node:65535']) {
    const [member] = members().read(text) as [Parameters<typeof formatMember>[0]];
    assert.is(formatMember(member), text);
    assert.is(formatAddress(member), text.slice(2));
  }
});

test.run();
