/** Runs a bounded number of seeds in this process; exits 1 at the first violation. */
import { Simulator } from '../sim/simulator.ts';
import { swarmShape } from '../sim/swarm-shape.ts';

const [seeds, ticks] = process.argv.slice(2).map(Number) as [number, number];
for (let seed = 1; seed <= seeds; seed++) {
  const { violation, chosen } = new Simulator({ seed, ticks, ...swarmShape(seed), swarm: true }).run();
  if (violation !== '' || chosen === 0) {
    console.log(`seed ${seed}: ${violation}`);
    process.exit(1);
  }
}
