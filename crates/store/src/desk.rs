//! What devices ask for, several of them in one transaction: apply finished results, extend what runs, lease what is
//! ready. Everything is asked at once, decided, and written at once: on PostgreSQL two round trips, however many devices.

use std::collections::HashSet;

use protocol::device::{HeldJob, ReportOutcome};
use protocol::{AccountId, DeviceId, JobId, PollId, UnixMillis};
use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::lease::Leasing;
use crate::operation::Transaction;
use crate::report::{PreparedResult, Reported, Reports};

/// What a device asks for. A report is a pull that wants no jobs.
#[derive(Debug)]
pub struct PullOrder {
    /// Whose jobs.
    pub account: AccountId,
    /// Who asks.
    pub device: DeviceId,
    /// The same again returns the same leases.
    pub poll_id: PollId,
    /// How many new jobs at most.
    pub max: u32,
    /// What the device is working on.
    pub running: Vec<HeldJob>,
    /// What it has finished.
    pub results: Vec<PreparedResult>,
    /// Now.
    pub now: UnixMillis,
}

/// What a device gets.
#[derive(Debug, Default)]
pub struct Pulled {
    /// Newly leased jobs.
    pub jobs: Vec<protocol::device::LeasedJob>,
    /// Running jobs that the device no longer holds.
    pub lost: Vec<JobId>,
    /// What became of its results, in order.
    pub outcomes: Vec<ReportOutcome>,
}

/// A pull that waits for its answer.
pub(crate) struct PendingPull {
    pub(crate) order: PullOrder,
    pub(crate) output: Option<Pulled>,
    pub(crate) reply: oneshot::Sender<Result<Pulled, StoreError>>,
}

impl PendingPull {
    pub(crate) fn answer(self, committed: Result<(), StoreError>) {
        let Self { output, reply, .. } = self;
        // Whoever asked may have gone away; what is committed stays.
        let _ = reply.send(committed.and_then(|()| output.ok_or(StoreError::Closed)));
    }
}

/// Serves pulls. The answers stand in them; they count once the transaction has committed.
pub(crate) async fn serve(transaction: &mut Transaction<'_>, pulls: &mut [PendingPull]) -> Result<(), StoreError> {
    let mut rest = pulls;
    while !rest.is_empty() {
        // A pull that repeats another must find what that one has leased.
        let mut devices = HashSet::new();
        let together = rest.iter().take_while(|pull| devices.insert(pull.order.device)).count();
        let (now, later) = rest.split_at_mut(together);
        serve_together(transaction, now).await?;
        rest = later;
    }
    Ok(())
}

/// Serves pulls of different devices.
async fn serve_together(transaction: &mut Transaction<'_>, pulls: &mut [PendingPull]) -> Result<(), StoreError> {
    // Whoever has gone away gets nothing: leasing jobs to a connection that was cut would only delay them.
    let mut pulls: Vec<&mut PendingPull> = pulls.iter_mut().filter(|pull| !pull.reply.is_closed()).collect();
    let orders: Vec<&PullOrder> = pulls.iter().map(|pull| &pull.order).collect();
    let reports = Reports::new((orders.iter()).flat_map(|order| reported(order)).collect());
    let leasing = Leasing::new(transaction, orders.clone());
    let (ends, [extensions, polls, devices, takes]) = (reports.question(), leasing.questions());
    let [held, extended, polled, linked, taken] = transaction.session.all(&[ends, extensions, polls, devices, takes]).await?;
    let mut outcomes = reports.apply(transaction, &held).await?.into_iter();
    let dealt = leasing.deal(transaction, [extended, polled, linked, taken]).await?;
    let outputs: Vec<Pulled> = (orders.iter().zip(dealt))
        .map(|(order, dealt)| {
            let results = order.results.iter().zip(outcomes.by_ref());
            let outcomes = results.map(|(result, outcome)| ReportOutcome { job_id: result.job_id(), outcome }).collect();
            Pulled { jobs: dealt.jobs, lost: dealt.lost, outcomes }
        })
        .collect();
    for (pull, output) in pulls.iter_mut().zip(outputs) {
        pull.output = Some(output);
    }
    Ok(())
}

fn reported(order: &PullOrder) -> impl Iterator<Item = Reported<'_>> {
    order.results.iter().map(|result| Reported { account: order.account, device: order.device, result, now: order.now })
}
