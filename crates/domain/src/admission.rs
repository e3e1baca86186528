//! Decides whether a verified request is admitted. Pure: facts in, decision out. A whole batch is decided over one
//! ledger, so that two equal requests in one batch, or two for the last unit of a quota, see each other.

use std::collections::HashMap;

use protocol::fetch_request::Fingerprint;
use protocol::{AccountId, Environment, JobId};

use crate::month::Month;
use crate::plan::Plan;

/// What storage knows about a request's nonce, after trying to spend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceFact {
    /// It was not known, and is spent now.
    Fresh,
    /// This key has used it within the window.
    Reused,
    /// The nonces of its time have been dropped already: whether it was used can no longer be known.
    Forgotten,
}

/// The logical job within an account that an idempotency key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogicalJob<'a> {
    /// Whose.
    pub account: AccountId,
    /// Keys of live and test never meet.
    pub environment: Environment,
    /// The caller's name for it.
    pub idempotency_key: &'a str,
}

/// An admission that an idempotency key remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The job that it made.
    pub job_id: JobId,
    /// Over the payload that it was made from.
    pub fingerprint: Fingerprint,
}

/// One request, as far as the decision needs it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What it wants to be.
    pub logical: LogicalJob<'a>,
    /// Over its payload.
    pub fingerprint: Fingerprint,
    /// The id that its job would get.
    pub new_job_id: JobId,
    /// The month whose quota it takes: that in which it came.
    pub month: Month,
    /// About its nonce.
    pub nonce: NonceFact,
    /// Whether a person excluded its row.
    pub row_is_skipped: bool,
}

/// What is decided about one request. Refusals are answers, not errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A new job is to be made.
    Accept,
    /// A new job is to be made that ends at once: its row is excluded. It sends nothing and waits nowhere, so it takes
    /// neither quota nor a place in the backlog.
    AcceptSkipped,
    /// It repeats an earlier admission and makes nothing.
    Replay(JobId),
    /// The key has used this nonce within the window.
    NonceReused,
    /// The nonces of its time have been dropped already.
    NonceForgotten,
    /// The idempotency key belongs to another payload.
    IdempotencyMismatch(JobId),
    /// The plan has no signed requests.
    PlanRequired,
    /// The month's fetches are used up.
    QuotaExceeded,
    /// Too many jobs wait.
    BacklogFull,
}

/// The facts of a batch, kept up to date as its requests are decided one after another.
#[derive(Debug, Default)]
pub struct Ledger<'a> {
    plans: HashMap<AccountId, &'a Plan>,
    used: HashMap<(AccountId, Environment, Month), u64>,
    waiting: HashMap<AccountId, u64>,
    earlier: HashMap<LogicalJob<'a>, Earlier>,
}

/// How an account stands with its monthly quota, after a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Fetches used this month.
    pub used: u64,
    /// Fetches allowed a month; none: unlimited.
    pub limit: Option<u64>,
    /// The month that is counted.
    pub month: Month,
}

impl Standing {
    /// Fetches left.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.limit.map(|limit| limit.saturating_sub(self.used))
    }
}

impl<'a> Ledger<'a> {
    /// Enters the account's plan.
    pub fn enter_account(&mut self, account: AccountId, plan: &'a Plan) {
        self.plans.insert(account, plan);
    }

    /// Enters how many of the account's jobs wait.
    pub fn enter_backlog(&mut self, account: AccountId, waiting: u64) {
        self.waiting.insert(account, waiting);
    }

    /// Enters how many fetches of a month are used. A batch at midnight may need two.
    pub fn enter_usage(&mut self, account: AccountId, environment: Environment, month: Month, used: u64) {
        self.used.insert((account, environment, month), used);
    }

    /// Enters an earlier admission.
    pub fn enter_earlier(&mut self, logical: LogicalJob<'a>, earlier: Earlier) {
        self.earlier.insert(logical, earlier);
    }

    /// Decides one request and books it. An account that was not entered has no plan, and is refused as such.
    ///
    /// The order is that of the contract: nonce, idempotency, plan, quota, backlog. A replay needs neither plan nor
    /// quota, for it makes nothing.
    pub fn decide(&mut self, request: &Request<'a>) -> Decision {
        match request.nonce {
            NonceFact::Fresh => {}
            NonceFact::Reused => return Decision::NonceReused,
            NonceFact::Forgotten => return Decision::NonceForgotten,
        }
        if let Some(earlier) = self.earlier.get(&request.logical) {
            return if earlier.fingerprint == request.fingerprint {
                Decision::Replay(earlier.job_id)
            } else {
                Decision::IdempotencyMismatch(earlier.job_id)
            };
        }
        let LogicalJob { account, environment, .. } = request.logical;
        let Some(plan) = self.plans.get(&account).filter(|plan| plan.api_links) else {
            return Decision::PlanRequired;
        };
        let remembered = Earlier { job_id: request.new_job_id, fingerprint: request.fingerprint };
        if request.row_is_skipped {
            self.earlier.insert(request.logical, remembered);
            return Decision::AcceptSkipped;
        }
        let used = self.used.entry((account, environment, request.month)).or_default();
        if plan.monthly_fetches.is_some_and(|limit| *used >= limit) {
            return Decision::QuotaExceeded;
        }
        let waiting = self.waiting.entry(account).or_default();
        if plan.jobs_waiting.is_some_and(|limit| *waiting >= limit) {
            return Decision::BacklogFull;
        }
        *used += 1;
        *waiting += 1;
        self.earlier.insert(request.logical, remembered);
        Decision::Accept
    }

    /// How the account stands with its quota of this month now.
    #[must_use]
    pub fn standing(&self, account: AccountId, environment: Environment, month: Month) -> Standing {
        Standing {
            used: self.used.get(&(account, environment, month)).copied().unwrap_or(0),
            limit: self.plans.get(&account).and_then(|plan| plan.monthly_fetches),
            month,
        }
    }

    /// How many of the account's jobs wait now, and how many may.
    #[must_use]
    pub fn backlog(&self, account: AccountId) -> (u64, Option<u64>) {
        let limit = self.plans.get(&account).and_then(|plan| plan.jobs_waiting);
        (self.waiting.get(&account).copied().unwrap_or(0), limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plans;
    use protocol::UnixMillis;

    const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);
    const MAY: Month = Month::of_number(2026 * 12 + 4);

    fn job(n: u8) -> JobId {
        JobId::new(UnixMillis(i64::from(n)), [n; 10])
    }

    fn request(key: &'static str, payload: u8, n: u8) -> Request<'static> {
        Request {
            logical: LogicalJob { account: ACCOUNT, environment: Environment::Live, idempotency_key: key },
            fingerprint: Fingerprint([payload; 32]),
            new_job_id: job(n),
            month: MAY,
            nonce: NonceFact::Fresh,
            row_is_skipped: false,
        }
    }

    fn plan(text: &str) -> Plan {
        Plans::from_toml(&format!("[p]\n{text}")).unwrap().get("p").unwrap().clone()
    }

    #[test]
    fn the_table_of_decisions() {
        use Decision::{Accept, BacklogFull, IdempotencyMismatch, NonceForgotten, NonceReused, PlanRequired, QuotaExceeded, Replay};
        let reused = |request: Request<'static>| Request { nonce: NonceFact::Reused, ..request };
        let forgotten = |request: Request<'static>| Request { nonce: NonceFact::Forgotten, ..request };
        // Terms of the plan, fetches used, jobs waiting, requests, decisions.
        type Line = (&'static str, u64, u64, Vec<Request<'static>>, Vec<Decision>);
        let table: &[Line] = &[
            ("api_links = true", 0, 0, vec![request("a", 1, 1)], vec![Accept]),
            ("api_links = true", 0, 0, vec![request("a", 1, 1), request("a", 1, 2)], vec![Accept, Replay(job(1))]),
            ("api_links = true", 0, 0, vec![request("a", 1, 1), request("a", 2, 2)], vec![Accept, IdempotencyMismatch(job(1))]),
            ("api_links = true", 0, 0, vec![reused(request("a", 1, 1)), forgotten(request("b", 1, 2))], vec![NonceReused, NonceForgotten]),
            (
                "api_links = true",
                0,
                0,
                vec![request("old", 9, 1), request("old", 8, 2)],
                vec![Replay(job(99)), IdempotencyMismatch(job(99))],
            ),
            ("api_links = false", 0, 0, vec![request("a", 1, 1), request("old", 9, 2)], vec![PlanRequired, Replay(job(99))]),
            (
                "api_links = true\nmonthly_fetches = 10",
                9,
                0,
                vec![request("a", 1, 1), request("b", 1, 2), request("a", 1, 3)],
                vec![Accept, QuotaExceeded, Replay(job(1))],
            ),
            (
                "api_links = true\nmonthly_fetches = 10",
                10,
                0,
                vec![reused(request("a", 1, 1)), request("a", 1, 1)],
                vec![NonceReused, QuotaExceeded],
            ),
            ("api_links = true\njobs_waiting = 2", 0, 1, vec![request("a", 1, 1), request("b", 1, 2)], vec![Accept, BacklogFull]),
            ("api_links = true\nmonthly_fetches = 1\njobs_waiting = 1", 1, 1, vec![request("a", 1, 1)], vec![QuotaExceeded]),
        ];
        for (terms, used, waiting, requests, expected) in table {
            let plan = plan(terms);
            let mut ledger = Ledger::default();
            ledger.enter_account(ACCOUNT, &plan);
            ledger.enter_backlog(ACCOUNT, *waiting);
            ledger.enter_usage(ACCOUNT, Environment::Live, MAY, *used);
            ledger.enter_earlier(request("old", 9, 99).logical, Earlier { job_id: job(99), fingerprint: Fingerprint([9; 32]) });
            let decided: Vec<_> = requests.iter().map(|request| ledger.decide(request)).collect();
            assert_eq!(&decided, expected, "{terms}, used {used}, waiting {waiting}");
        }
    }

    #[test]
    fn refusals_and_replays_take_no_quota() {
        let plan = plan("api_links = true\nmonthly_fetches = 10\njobs_waiting = 1");
        let mut ledger = Ledger::default();
        ledger.enter_account(ACCOUNT, &plan);
        for (key, n) in [("a", 1), ("a", 2), ("b", 3), ("c", 4)] {
            ledger.decide(&request(key, 1, n));
        }
        let standing = ledger.standing(ACCOUNT, Environment::Live, MAY);
        assert_eq!((standing.used, standing.remaining()), (1, Some(9)));
        assert_eq!(ledger.backlog(ACCOUNT), (1, Some(1)));
    }

    #[test]
    fn live_and_test_do_not_share_a_quota() {
        let plan = plan("api_links = true\nmonthly_fetches = 1");
        let mut ledger = Ledger::default();
        ledger.enter_account(ACCOUNT, &plan);
        let live = request("a", 1, 1);
        let test = Request { logical: LogicalJob { environment: Environment::Test, ..live.logical }, ..live };
        assert_eq!([ledger.decide(&live), ledger.decide(&test)], [Decision::Accept, Decision::Accept]);
    }
    #[test]
    fn a_request_takes_the_quota_of_the_month_in_which_it_came() {
        let plan = plan("api_links = true\nmonthly_fetches = 1");
        let mut ledger = Ledger::default();
        ledger.enter_account(ACCOUNT, &plan);
        ledger.enter_usage(ACCOUNT, Environment::Live, MAY, 1);
        let june = Request { month: Month::of_number(MAY.number() + 1), ..request("b", 1, 2) };
        assert_eq!([ledger.decide(&request("a", 1, 1)), ledger.decide(&june)], [Decision::QuotaExceeded, Decision::Accept]);
    }

    #[test]
    fn an_excluded_row_takes_neither_quota_nor_backlog() {
        let (plans, full) = (Plans::from_toml("[p]\napi_links = true\nmonthly_fetches = 0\njobs_waiting = 0").unwrap(), "p");
        let mut ledger = Ledger::default();
        ledger.enter_account(ACCOUNT, plans.get(full).unwrap());
        let skipped = Request { row_is_skipped: true, ..request("a", 1, 1) };
        assert_eq!(ledger.decide(&skipped), Decision::AcceptSkipped);
        assert_eq!(ledger.decide(&skipped), Decision::Replay(job(1)));
        assert_eq!(ledger.decide(&request("b", 1, 2)), Decision::QuotaExceeded);
        assert_eq!((ledger.standing(ACCOUNT, Environment::Live, MAY).used, ledger.backlog(ACCOUNT).0), (0, 0));
    }
}
