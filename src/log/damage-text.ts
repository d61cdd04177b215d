/** Damage of a log in the words of an operator: where, behind what, why. */
import type { LogDamage } from './recovery.ts';

export function damageText({ segment, offset, position, reason, behind }: LogDamage): string {
  const place =
    behind === undefined ? 'before the first record' : `behind slot ${behind.slot} of shard ${behind.group}`;
  return `${segment} is damaged at offset ${offset} (position ${position}), ${place}: ${reason}`;
}
