//! Leases of several devices in one transaction: extends what runs, and deals out what is ready.

use std::collections::{BTreeMap, BTreeSet};

use domain::audit::Entry;
use protocol::device::LeasedJob;
use protocol::fetch_request::Fingerprint;
use protocol::{AccountId, Environment, JobId, UnixMillis};

use crate::desk::PullOrder;
use crate::error::StoreError;
use crate::heads::{self, Place, Start};
use crate::operation::Transaction;
use crate::report;
use crate::session::{Batch, NumberedRow, Row, Value};
use crate::statement;

/// The leases that pulls of different devices ask for. What is asked travels with other questions; the answers decide.
pub(crate) struct Leasing<'o> {
    orders: Vec<&'o PullOrder>,
    /// By position, those that want jobs.
    takers: Vec<usize>,
    /// What the takers of each account want together.
    wanted: BTreeMap<AccountId, Wanted>,
    renewed_ends: Vec<UnixMillis>,
}

/// What the takers of an account want together, and from where it is looked for.
struct Wanted {
    jobs: i64,
    /// The latest of their moments.
    now: UnixMillis,
    start: Start,
}

/// What one pull gets.
#[derive(Debug, Default)]
pub(crate) struct Dealt {
    pub(crate) jobs: Vec<LeasedJob>,
    pub(crate) lost: Vec<JobId>,
}

impl Wanted {
    /// Parameters of `lease/take_ready`.
    fn take<'v>(&self, account: &'v AccountId, jobs: i64, behind: &'v Place) -> [Value<'v>; 6] {
        let [priority, ready_at, job_id] = behind.values();
        [account.into(), self.now.into(), jobs.into(), priority, ready_at, job_id]
    }
}

impl<'o> Leasing<'o> {
    pub(crate) fn new(transaction: &Transaction<'_>, orders: Vec<&'o PullOrder>) -> Self {
        let takers: Vec<usize> = (0..orders.len()).filter(|&at| orders[at].max > 0).collect();
        let mut wanted: BTreeMap<AccountId, Wanted> = BTreeMap::new();
        for order in takers.iter().map(|&at| orders[at]) {
            let start = || transaction.heads.start(order.account);
            let wanted = wanted.entry(order.account).or_insert_with(|| Wanted { jobs: 0, now: order.now, start: start() });
            wanted.jobs += i64::from(order.max);
            wanted.now = order.now.max(wanted.now);
        }
        let renewed_ends = orders.iter().map(|order| transaction.settings.leases.renewed_end(order.now, UnixMillis(i64::MAX))).collect();
        Self { orders, takers, wanted, renewed_ends }
    }

    /// Extends the leases of what runs, looks for what earlier pulls of the same poll ids have leased and for devices that
    /// have been revoked, and takes as many ready jobs as are wanted if neither is found.
    pub(crate) fn questions(&self) -> [Batch<'_>; 4] {
        let running = (self.orders.iter().zip(&self.renewed_ends)).flat_map(|(order, ends_at)| {
            let held = order.running.iter();
            held.map(|held| [(&order.account).into(), (&held.job_id).into(), held.fence.into(), (&order.device).into(), (*ends_at).into()])
        });
        let takers = || self.takers.iter().map(|&at| self.orders[at]);
        let polls = takers().map(|order| [(&order.account).into(), (&order.device).into(), order.poll_id.as_bytes().into()]);
        let devices = takers().map(|order| [(&order.account).into(), (&order.device).into()]);
        let takes = self.wanted.iter().map(|(account, wanted)| wanted.take(account, wanted.jobs, &wanted.start.behind));
        [
            Batch::new::<5>(&statement::EXTEND_LEASE, running.collect()),
            Batch::new::<3>(&statement::LEASED_BY_POLL, polls.collect()),
            Batch::new::<2>(&statement::LINKED_DEVICE, devices.collect()),
            Batch::new::<6>(&statement::TAKE_READY, takes.collect()),
        ]
    }

    /// Deals out what was taken, in the order of the pulls. What nobody is entitled to goes back to its place.
    pub(crate) async fn deal(
        self,
        transaction: &mut Transaction<'_>,
        [extended, polled, linked, taken]: [Vec<NumberedRow>; 4],
    ) -> Result<Vec<Dealt>, StoreError> {
        let mut dealt = self.lost(&extended);
        for (number, row) in &polled {
            let at = self.takers[*number];
            let ends = (row.get(2)?, row.get(3)?);
            dealt[at].jobs.push(leased_job(row.get(0)?, row.get(1)?, ends, self.orders[at].now, row, 4)?);
        }
        let linked: BTreeSet<usize> = linked.into_iter().map(|(number, _)| self.takers[number]).collect();
        let mut entries = ReadyEntry::by_account(taken)?;
        self.look_from_the_beginning(transaction, &mut entries).await?;
        let mut leased = Vec::new();
        for &at in &self.takers {
            // An answer that was lost on the way is given again, and nothing beside it.
            if !dealt[at].jobs.is_empty() || !linked.contains(&at) {
                continue;
            }
            let order = self.orders[at];
            let Some(of_account) = position(&self.wanted, order.account).and_then(|number| entries.get_mut(&number)) else { continue };
            let share = of_account.len().min(usize::try_from(order.max).unwrap_or(usize::MAX));
            for entry in of_account.drain(..share) {
                let ends_at = transaction.settings.leases.first_end(order.now, entry.expires_at);
                let job =
                    leased_job(entry.job_id, entry.fence + 1, (ends_at, entry.expires_at), order.now, &entry.row, ReadyEntry::COLUMNS);
                match job {
                    Ok(job) => dealt[at].jobs.push(job),
                    // It stays leased to nobody until that ends, again and again, and then ends itself. The others go on.
                    Err(error) => tracing::error!(job.id = %entry.job_id, %error, "a job cannot be handed out"),
                }
                leased.push((order, ends_at, entry));
            }
        }
        write_leases(transaction, &leased).await?;
        put_back(transaction, &self.wanted, &entries).await?;
        Ok(dealt)
    }

    /// Where less was found than is wanted, there may be more before the place from which it was looked for. Notes where
    /// each queue begins now.
    async fn look_from_the_beginning(
        &self,
        transaction: &mut Transaction<'_>,
        entries: &mut BTreeMap<usize, Vec<ReadyEntry>>,
    ) -> Result<(), StoreError> {
        let found = |entries: &BTreeMap<usize, Vec<ReadyEntry>>, number: usize| entries.get(&number).map_or(0, Vec::len);
        let missing = |entries: &BTreeMap<usize, Vec<ReadyEntry>>, number: usize, wanted: &Wanted| {
            wanted.jobs.saturating_sub(i64::try_from(found(entries, number)).unwrap_or(i64::MAX))
        };
        let again: Vec<(usize, i64)> = (self.wanted.values().enumerate())
            .filter(|(_, wanted)| wanted.start.behind != Place::BEGINNING)
            .map(|(number, wanted)| (number, missing(entries, number, wanted)))
            .filter(|(_, missing)| *missing > 0)
            .collect();
        let by_number: Vec<(&AccountId, &Wanted)> = self.wanted.iter().collect();
        let takes: Vec<[Value<'_>; 6]> =
            (again.iter()).map(|&(number, missing)| by_number[number].1.take(by_number[number].0, missing, &Place::BEGINNING)).collect();
        let taken = transaction.session.rows_of_each(&statement::TAKE_READY, &takes).await?;
        let taken = taken.into_iter().map(|(position, row)| (again[position].0, row)).collect();
        for (number, mut more) in ReadyEntry::by_account(taken)? {
            let known = entries.entry(number).or_default();
            known.append(&mut more);
            known.sort_by_key(ReadyEntry::place);
        }
        for (number, (account, wanted)) in by_number.into_iter().enumerate() {
            let is_all = missing(entries, number, wanted) > 0;
            let last = entries.get(&number).and_then(|entries| entries.last()).filter(|_| !is_all);
            transaction.heads.took(*account, wanted.start, last.map(ReadyEntry::place));
        }
        Ok(())
    }

    /// What each device no longer holds of what it says it runs.
    fn lost(&self, extended: &[NumberedRow]) -> Vec<Dealt> {
        let held: BTreeSet<usize> = extended.iter().map(|(number, _)| *number).collect();
        let mut number = 0..;
        let of_order = |order: &&PullOrder| {
            let running = order.running.iter().zip(number.by_ref());
            let lost = running.filter(|(_, number)| !held.contains(number)).map(|(running, _)| running.job_id).collect();
            Dealt { jobs: Vec::new(), lost }
        };
        self.orders.iter().map(of_order).collect()
    }
}

fn position(wanted: &BTreeMap<AccountId, Wanted>, account: AccountId) -> Option<usize> {
    wanted.keys().position(|known| *known == account)
}

async fn write_leases(transaction: &mut Transaction<'_>, leased: &[(&PullOrder, UnixMillis, ReadyEntry)]) -> Result<(), StoreError> {
    let subjects = leased.iter().map(|(.., entry)| Subject::read(&entry.row)).collect::<Result<Vec<_>, _>>()?;
    let batch: Vec<[Value<'_>; 14]> = (leased.iter().zip(&subjects))
        .map(|((order, ends_at, entry), subject)| {
            [
                (&order.account).into(),
                (&entry.job_id).into(),
                entry.environment.into(),
                entry.priority.into(),
                (entry.fence + 1).into(),
                (entry.attempts + 1).into(),
                entry.expires_at.into(),
                (&order.device).into(),
                order.poll_id.as_bytes().into(),
                (*ends_at).into(),
                subject.source.as_deref().into(),
                subject.row_id.as_deref().into(),
                (&subject.checked.0).into(),
                subject.context.as_deref().into(),
            ]
        })
        .collect();
    transaction.session.each(&statement::INSERT_LEASED, &batch).await?;
    for (order, _, entry) in leased {
        transaction.counters.add_waiting(order.account, -1);
        let leased = Entry::Leased { device: order.device, environment: entry.environment, jobs: vec![entry.job_id] };
        transaction.audit.record(order.account, order.now, leased);
    }
    Ok(())
}

/// Enters jobs that were taken for nobody where they were.
async fn put_back(
    transaction: &mut Transaction<'_>,
    wanted: &BTreeMap<AccountId, Wanted>,
    entries: &BTreeMap<usize, Vec<ReadyEntry>>,
) -> Result<(), StoreError> {
    for (number, account) in wanted.keys().enumerate() {
        for entry in entries.get(&number).into_iter().flatten() {
            heads::note(&mut transaction.entered, *account, Place::before(entry.priority, entry.ready_at));
        }
    }
    let of_accounts = wanted.keys().enumerate().filter_map(|(number, account)| Some((account, entries.get(&number)?)));
    let batch: Vec<[Value<'_>; 8]> = of_accounts
        .flat_map(|(account, entries)| {
            entries.iter().map(|entry| {
                [
                    account.into(),
                    entry.priority.into(),
                    entry.ready_at.into(),
                    (&entry.job_id).into(),
                    entry.environment.into(),
                    entry.fence.into(),
                    entry.attempts.into(),
                    entry.expires_at.into(),
                ]
            })
        })
        .collect();
    transaction.session.each(&statement::INSERT_READY, &batch).await
}

/// `row` holds tracking URL, expected domain, context and expectation from column `first` on.
fn leased_job(
    job_id: JobId,
    fence: u32,
    (ends_at, deadline): (UnixMillis, UnixMillis),
    now: UnixMillis,
    row: &Row,
    first: usize,
) -> Result<LeasedJob, StoreError> {
    Ok(LeasedJob {
        job_id,
        fence,
        // Rounded down: the device must stop before the lease ends, not after.
        lease_seconds: u32::try_from((ends_at.0 - now.0).max(0) / 1_000).unwrap_or(u32::MAX),
        tracking_url: row.get(first)?,
        expected_domain: row.get(first + 1)?,
        expectation: report::read_expectation(row.get::<Option<String>>(first + 3)?.as_deref())?,
        context: report::read_context(row.get(first + 2)?)?,
        deadline,
    })
}

/// What a job is about, kept with its lease so that its report need not read the job's record.
struct Subject {
    source: Option<String>,
    row_id: Option<String>,
    context: Option<String>,
    checked: Fingerprint,
}

impl Subject {
    /// `row` is that of `lease/take_ready`.
    fn read(row: &Row) -> Result<Self, StoreError> {
        let [url, domain, context, expectation, source, row_id] =
            [0, 1, 2, 3, 4, 5].map(|at| row.get::<Option<String>>(ReadyEntry::COLUMNS + at));
        let checked = report::row_inputs(url?.as_deref().unwrap_or_default(), domain?.as_deref(), expectation?.as_deref());
        Ok(Self { source: source?, row_id: row_id?, context: context?, checked })
    }
}

/// A job that waits, as taken from `ready`.
struct ReadyEntry {
    job_id: JobId,
    priority: i64,
    ready_at: UnixMillis,
    environment: Environment,
    fence: u32,
    attempts: u32,
    expires_at: UnixMillis,
    row: Row,
}

impl ReadyEntry {
    /// Columns of `lease/take_ready` before those of the job's record.
    const COLUMNS: usize = 7;

    const fn place(&self) -> Place {
        Place { priority: self.priority, ready_at: self.ready_at, job_id: self.job_id }
    }

    fn read(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            job_id: row.get(0)?,
            priority: row.get(1)?,
            ready_at: row.get(2)?,
            environment: row.get(3)?,
            fence: row.get(4)?,
            attempts: row.get(5)?,
            expires_at: row.get(6)?,
            row,
        })
    }

    /// By the account's number, oldest first: a DELETE returns its rows in no order of ours.
    fn by_account(taken: Vec<NumberedRow>) -> Result<BTreeMap<usize, Vec<Self>>, StoreError> {
        let mut entries: BTreeMap<usize, Vec<Self>> = BTreeMap::new();
        for (number, row) in taken {
            entries.entry(number).or_default().push(Self::read(row)?);
        }
        entries.values_mut().for_each(|entries| entries.sort_by_key(Self::place));
        Ok(entries)
    }
}
