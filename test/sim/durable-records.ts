/** The records of one submission, as they stand on a medium: for judges that ask the media and not the members. */
import { align } from '../../src/base/bits.ts';
import type { LogPosition } from '../../src/base/types.ts';
import type { RecoveredRecord } from '../../src/log/log.ts';
import {
  ENTRY_ALIGNMENT,
  ENTRY_SIZE_WORD,
  SUBMISSION_HEADER_BYTES,
  SUBMISSION_RECORDS_WORD,
} from '../../src/log/record.ts';
import { emptyRecord, readRecordHeader } from '../../src/log/record-header.ts';

const record = emptyRecord();

/** Shows each record; what is shown is written over by the next one. */
export function visitRecords(position: LogPosition, bytes: Uint8Array, visit: (record: RecoveredRecord) => void): void {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let at = SUBMISSION_HEADER_BYTES;
  for (let left = words[SUBMISSION_RECORDS_WORD] as number; left > 0; left--) {
    readRecordHeader(words, at >> 2, position + at, record);
    visit(record);
    at += align(words[(at >> 2) + ENTRY_SIZE_WORD] as number, ENTRY_ALIGNMENT);
  }
}
