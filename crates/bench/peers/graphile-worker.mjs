// graphile-worker as its own benchmark runs it: single inserts by `addJob`, work through its local queue with batched
// completion.
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { createRequire } from 'node:module';
import pg from 'pg';

const { url, submitters, workers, seconds, jobs, batches, payload } = JSON.parse(process.argv[2]);
const pgPool = new pg.Pool({ connectionString: url, max: submitters });
for (const event of ['error', 'connect']) pgPool.on(event, (subject) => { if (event === 'error') console.error(subject); else subject.on('error', console.error); });
const logger = new Logger(() => (level, message) => { if (level === 'error') console.error(message); });
const utils = await makeWorkerUtils({ pgPool, logger });
await utils.migrate();

const started = performance.now();
let count = 0;
await Promise.all(Array.from({ length: submitters }, async () => {
  while (performance.now() - started < seconds * 1000) {
    await utils.addJob('single', payload);
    count += 1;
  }
}));
const inserted = count / ((performance.now() - started) / 1000);

let worked = 0;
for (const size of batches) {
  await pgPool.query('DELETE FROM graphile_worker._private_jobs');
  for (let made = 0; made < jobs; made += 5000) {
    await utils.addJobs(Array.from({ length: Math.min(5000, jobs - made) }, () => ({ identifier: 'batch', payload })));
  }
  await pgPool.query('VACUUM (ANALYZE) graphile_worker._private_jobs');
  worked = Math.max(worked, await workOff(size));
}
await utils.release();
const { version } = createRequire(import.meta.url)('graphile-worker/package.json');
console.log(JSON.stringify({ version, inserted, worked }));
process.exit(0);

/** Jobs a second from the first to the last, or until the time is over. */
async function workOff(size) {
  let done = 0;
  let first = 0;
  let finish;
  const finished = new Promise((resolve) => { finish = resolve; });
  const task = () => {
    if (done === 0) {
      first = performance.now();
      setTimeout(finish, seconds * 1000);
    }
    done += 1;
    if (done === jobs) finish();
  };
  const runner = await run({
    pgPool,
    logger,
    noHandleSignals: true,
    taskList: { batch: task },
    preset: { worker: { concurrentJobs: workers, localQueue: { size }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  });
  await finished;
  const rate = done / ((performance.now() - first) / 1000);
  await runner.stop();
  return rate;
}
