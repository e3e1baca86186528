//! Refusals of requests whose sender is proven: gathered, then written, many alike as one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::audit::{Entry, Line, Received};
use protocol::{AccountId, KeyId, ProblemCode, UnixMillis};

use crate::keys::CachedKey;
use crate::problem::Refusal;

/// Between two writes of one account's refusals. The first after a pause is written at once.
const BETWEEN_WRITES: Duration = Duration::from_secs(5);
/// Kinds (a key and a code) of one account that are told apart between two writes: 4 KiB in 5 s at worst, 70 MB a day of
/// a caller that does nothing but be refused. What is beyond is counted.
const MOST_KINDS: usize = 16;

/// Who sent a request, once that is proven.
#[derive(Clone, Debug)]
pub(crate) struct Proven {
    pub(crate) account: AccountId,
    pub(crate) key: KeyId,
    pub(crate) nonce: String,
    /// Method and path.
    pub(crate) target: String,
    pub(crate) received: Received,
}

impl Proven {
    pub(crate) fn new(key: &CachedKey, nonce: &str, (method, path): (&str, &str), received: Received) -> Self {
        Self { account: key.account, key: key.key_id.clone(), nonce: nonce.to_owned(), target: format!("{method} {path}"), received }
    }
}

/// Goes along with every request, so that what is known when it is proven is known when it is answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness(Arc<Mutex<Option<Proven>>>);

impl Witness {
    pub(crate) fn saw(&self, proven: Proven) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(proven);
    }

    pub(crate) fn take(&self) -> Option<Proven> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Whether it is a decision about the caller. What the relay itself could not do, or what is simply not there, is none.
pub(super) fn is_worth_keeping(refusal: &Refusal) -> bool {
    !matches!(
        refusal.code(),
        ProblemCode::NotFound | ProblemCode::Internal | ProblemCode::Overloaded | ProblemCode::OutcomeUnknown | ProblemCode::RequestTimeout
    )
}

/// What waits to be written, by account.
#[derive(Debug, Default)]
pub(super) struct Gathered(HashMap<AccountId, Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<Line>,
    /// What is being written: whoever looks meanwhile sees it here.
    on_its_way: Vec<Line>,
    last_write: Option<Instant>,
}

impl Gathered {
    pub(super) fn add(&mut self, proven: &Proven, code: &str, detail: String, now: UnixMillis) {
        let waiting = self.0.entry(proven.account).or_default();
        let refused = Entry::Refused {
            key: proven.key.clone(),
            code: code.to_owned(),
            detail,
            target: proven.target.clone(),
            nonce: proven.nonce.clone(),
            times: 1,
            until: now,
            received: Some(proven.received),
        };
        waiting.add(Line { at: now, entry: refused });
    }

    pub(super) fn put_back(&mut self, account: AccountId, lines: Vec<Line>) {
        let waiting = self.0.entry(account).or_default();
        waiting.on_its_way.clear();
        let newer = std::mem::take(&mut waiting.lines);
        lines.into_iter().chain(newer).for_each(|line| waiting.add(line));
    }

    /// What was taken has been written.
    pub(super) fn written(&mut self, account: AccountId) {
        if let Some(waiting) = self.0.get_mut(&account) {
            waiting.on_its_way.clear();
        }
    }

    /// What has not been written yet, as far as anybody knows.
    pub(super) fn of(&self, account: AccountId) -> Vec<Line> {
        self.0.get(&account).map(|waiting| [&waiting.on_its_way[..], &waiting.lines].concat()).unwrap_or_default()
    }

    pub(super) fn take_due(&mut self, everything: bool) -> Vec<(AccountId, Vec<Line>)> {
        let is_due = |waiting: &Waiting| everything || waiting.last_write.is_none_or(|last| last.elapsed() >= BETWEEN_WRITES);
        // Whoever has had nothing refused for a while is forgotten, and begins anew.
        self.0.retain(|_, waiting| !(waiting.lines.is_empty() && waiting.on_its_way.is_empty() && is_due(waiting)));
        (self.0.iter_mut())
            .filter(|(_, waiting)| !waiting.lines.is_empty() && is_due(waiting))
            .map(|(account, waiting)| {
                waiting.last_write = Some(Instant::now());
                waiting.on_its_way = std::mem::take(&mut waiting.lines);
                (*account, waiting.on_its_way.clone())
            })
            .collect()
    }
}

impl Waiting {
    fn add(&mut self, line: Line) {
        let is_full = self.lines.len() >= MOST_KINDS;
        let kind = |entry: &Entry| match entry {
            Entry::Refused { key, code, .. } => Some((key.clone(), code.clone())),
            _ => None,
        };
        let wanted = kind(&line.entry);
        // Beyond the bound the last line counts for all that it cannot tell apart.
        let place = self.lines.iter().position(|known| kind(&known.entry) == wanted).or(is_full.then_some(MOST_KINDS - 1));
        match place.map(|place| &mut self.lines[place].entry) {
            Some(Entry::Refused { times, until, detail, .. }) => {
                if let Entry::Refused { times: more, until: later, .. } = line.entry {
                    *times += more;
                    *until = later.max(*until);
                    if is_full && !detail.starts_with(OTHERS) && self.lines.iter().all(|known| kind(&known.entry) != wanted) {
                        // Told once; the entry itself stays the first of its kind.
                        if let Some(Entry::Refused { detail, .. }) = self.lines.get_mut(MOST_KINDS - 1).map(|line| &mut line.entry) {
                            *detail = format!("{OTHERS} {detail}");
                        }
                    }
                }
            }
            _ => self.lines.push(line),
        }
    }
}

/// What the last line of a full gathering begins with.
const OTHERS: &str = "And others, which were too many kinds to tell apart.";

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);

    fn by(key: &str) -> Proven {
        let target = "POST /api/links/fetch".to_owned();
        Proven { account: ACCOUNT, key: key.parse().unwrap(), nonce: "a nonce".to_owned(), target, received: Received::new(b"{}", 0) }
    }

    fn times(line: &Line) -> u64 {
        line.entry.decisions()
    }

    #[test]
    fn many_alike_are_one_and_the_first_after_a_pause_is_due_at_once() {
        let mut gathered = Gathered::default();
        let key = by("lp_live_0123456789abcdef");
        for n in 0..1_000 {
            gathered.add(&key, "nonce_reused", String::new(), UnixMillis(n));
        }
        gathered.add(&key, "plan_required", String::new(), UnixMillis(7));
        let due = gathered.take_due(false);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].1.iter().map(times).collect::<Vec<_>>(), [1_000, 1]);
        assert!(matches!(&due[0].1[0].entry, Entry::Refused { until: UnixMillis(999), code, .. } if code == "nonce_reused"));
        gathered.add(&key, "nonce_reused", String::new(), UnixMillis(8));
        assert!(gathered.take_due(false).is_empty(), "the next waits");
        assert_eq!(gathered.of(ACCOUNT).len(), 3, "what is being written is seen, too");
        gathered.written(ACCOUNT);
        assert_eq!(gathered.of(ACCOUNT).len(), 1);
        assert_eq!(gathered.take_due(true).len(), 1, "but not at a shutdown");
    }

    #[test]
    fn kinds_are_bounded_and_nothing_goes_uncounted() {
        let mut gathered = Gathered::default();
        for n in 0..100 {
            gathered.add(&by(&format!("lp_live_{n:016}")), "nonce_reused", String::new(), UnixMillis(n));
        }
        let lines = gathered.of(ACCOUNT);
        assert_eq!((lines.len(), lines.iter().map(times).sum::<u64>()), (MOST_KINDS, 100));
        assert!(matches!(&lines[MOST_KINDS - 1].entry, Entry::Refused { detail, .. } if detail.starts_with(OTHERS)));
    }

    #[test]
    fn what_could_not_be_written_is_put_back_before_what_came_since() {
        let mut gathered = Gathered::default();
        let key = by("lp_live_0123456789abcdef");
        gathered.add(&key, "nonce_reused", String::new(), UnixMillis(1));
        let (_, lines) = gathered.take_due(true).remove(0);
        gathered.add(&key, "nonce_reused", String::new(), UnixMillis(2));
        gathered.put_back(ACCOUNT, lines);
        let lines = gathered.of(ACCOUNT);
        assert_eq!((lines.len(), lines[0].at, times(&lines[0])), (1, UnixMillis(1), 2));
    }

    #[test]
    fn what_the_relay_could_not_do_is_no_decision() {
        assert!(!is_worth_keeping(&Refusal::Overloaded) && !is_worth_keeping(&Refusal::NotFound));
        assert!(is_worth_keeping(&Refusal::NonceReused));
    }
}
