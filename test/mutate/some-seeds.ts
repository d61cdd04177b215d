/** Runs a bounded number of seeds in this process; exits 1 at the first violation. */
import { Simulator } from '../sim/simulator.ts';

const [seeds, ticks] = process.argv.slice(2).map(Number) as [number, number];
for (let seed = 1; seed <= seeds; seed++) {
  const replicas = seed % 5 < 2 ? 5 : 3;
  const groups = seed % 4 === 0 ? 3 : 1;
  const { violation, chosen } = new Simulator({ seed, ticks, replicas, clients: 3, groups, swarm: true }).run();
  if (violation !== '' || chosen === 0) {
    console.log(`seed ${seed}: ${violation}`);
    process.exit(1);
  }
}
