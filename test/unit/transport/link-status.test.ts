/** The link status block: what one thread writes about a link, any other reads. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createLinkStatus,
  LinkStatusWriter,
  readLinkStatus,
  STRANGERS_LINE,
} from '../../../src/transport/link-status.ts';

const test = suite('transport/link-status');

test('a link that came up shows its kind, number and that it connected once', () => {
  const block = createLinkStatus();
  const writer = new LinkStatusWriter(block, 2);
  writer.setConnecting();
  assert.is(readLinkStatus(block, 2).state, 'connecting');
  writer.setUp('tls', 0xffff_fff1);
  const { state, transport, linkNumber, connects } = readLinkStatus(block, 2);
  assert.equal(
    { state, transport, linkNumber, connects },
    { state: 'up', transport: 'tls', linkNumber: 0xffff_fff1, connects: 1 },
  );
});

test('lines do not touch each other, the one of strangers included', () => {
  const block = createLinkStatus();
  const before = readLinkStatus(block, 1);
  new LinkStatusWriter(block, 0).addOut(3, 192);
  new LinkStatusWriter(block, STRANGERS_LINE).addRefusal('notSynod');
  assert.equal(readLinkStatus(block, 1), before);
  assert.is(readLinkStatus(block, STRANGERS_LINE).reason, 'notSynod');
  assert.is(readLinkStatus(block, STRANGERS_LINE).refusals, 1);
});

test('a replacement worker goes on counting and begins with the link down', () => {
  const block = createLinkStatus();
  const first = new LinkStatusWriter(block, 0);
  first.setUp('tcp', 1);
  first.addOut(2, 2 ** 33);
  first.addIn(5, 320);
  first.addDropsOut(7);
  first.addDropsIn(9);
  const second = new LinkStatusWriter(block, 0);
  assert.is(readLinkStatus(block, 0).state, 'down');
  second.addOut(1, 64);
  const { framesOut, bytesOut, burstsOut, framesIn, bytesIn, dropsOut, dropsIn } = readLinkStatus(block, 0);
  assert.equal(
    { framesOut, bytesOut, burstsOut, framesIn, bytesIn, dropsOut, dropsIn },
    { framesOut: 3, bytesOut: 2 ** 33 + 64, burstsOut: 2, framesIn: 5, bytesIn: 320, dropsOut: 7, dropsIn: 9 },
  );
});

test('round trips of the two lanes stand apart', () => {
  const block = createLinkStatus();
  const writer = new LinkStatusWriter(block, 0);
  writer.setRoundTrip(true, 120.4);
  writer.setRoundTrip(false, 9000);
  assert.is(readLinkStatus(block, 0).rttUs, 120);
  assert.is(readLinkStatus(block, 0).bulkRttUs, 9000);
});

test.run();
