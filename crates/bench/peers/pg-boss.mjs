// pg-boss as its users call it: single inserts by `send`, work by `fetch` and `complete` of batches.
import PgBoss from 'pg-boss';
import { createRequire } from 'node:module';

const { url, submitters, workers, seconds, jobs, batches, payload } = JSON.parse(process.argv[2]);
const boss = new PgBoss({ connectionString: url, max: submitters, supervise: false, schedule: false, migrate: true });
boss.on('error', (error) => { console.error(error); process.exit(1); });
await boss.start();
await boss.createQueue('single');

const inserted = await countFor(seconds, submitters, async () => { await boss.send('single', payload); return 1; });

let worked = 0;
for (const batchSize of batches) {
  const queue = `batch-${batchSize}`;
  await boss.createQueue(queue);
  for (let made = 0; made < jobs; made += 5000) {
    await boss.insert(Array.from({ length: Math.min(5000, jobs - made) }, () => ({ name: queue, data: payload })));
  }
  worked = Math.max(worked, await countFor(seconds, workers, async () => {
    const taken = await boss.fetch(queue, { batchSize });
    if (taken.length > 0) await boss.complete(queue, taken.map((job) => job.id));
    return taken.length;
  }));
}
await boss.stop({ graceful: false });
const { version } = createRequire(import.meta.url)('pg-boss/package.json');
console.log(JSON.stringify({ version, inserted, worked }));
process.exit(0);

/** Runs `step` in so many loops until the time is over or there is nothing left; a second's share of what it counted. */
async function countFor(seconds, loops, step) {
  const started = performance.now();
  let count = 0;
  const loop = async () => {
    while (performance.now() - started < seconds * 1000) {
      const done = await step();
      if (done === 0) return;
      count += done;
    }
  };
  await Promise.all(Array.from({ length: loops }, loop));
  return count / ((performance.now() - started) / 1000);
}
