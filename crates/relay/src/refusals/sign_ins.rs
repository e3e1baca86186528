//! Refused tries to sign in as an operator that there is: gathered, then written, many as one. Anybody may try, and what
//! anybody may send must not write as often as it comes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use protocol::OperatorId;
use store::RefusedSignIn;

/// Between two writes about one operator: 1,440 records a day of whoever is guessed at all day long. The first after a
/// pause is written at once.
const BETWEEN_WRITES: Duration = Duration::from_secs(60);
/// Operators that are told apart between two writes. There are no more operators than somebody has invited; of those beyond
/// the log alone tells.
const MOST: usize = 4_096;

/// What waits to be written, by operator.
#[derive(Debug, Default)]
pub(super) struct SignIns(HashMap<OperatorId, Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    refused: Option<RefusedSignIn>,
    last_write: Option<Instant>,
}

impl SignIns {
    /// Adds to what waits of the same operator; of many the first is kept, with their number.
    pub(super) fn add(&mut self, refused: RefusedSignIn) {
        if self.0.len() >= MOST && !self.0.contains_key(&refused.operator) {
            return;
        }
        let waiting = self.0.entry(refused.operator).or_default();
        waiting.refused = Some(match waiting.refused.take() {
            Some(known) => {
                let times = known.times + refused.times;
                let first = if refused.at < known.at { refused } else { known };
                RefusedSignIn { times, ..first }
            }
            None => refused,
        });
    }

    pub(super) fn take_due(&mut self, everything: bool) -> Vec<RefusedSignIn> {
        let is_due = |waiting: &Waiting| everything || waiting.last_write.is_none_or(|last| last.elapsed() >= BETWEEN_WRITES);
        self.0.retain(|_, waiting| waiting.refused.is_some() || !is_due(waiting));
        let due = self.0.values_mut().filter(|waiting| is_due(waiting)).filter_map(|waiting| {
            waiting.last_write = Some(Instant::now());
            waiting.refused.take()
        });
        due.collect()
    }
}

#[cfg(test)]
mod tests {
    use protocol::UnixMillis;

    use super::*;

    fn refused(operator: u8, at: i64) -> RefusedSignIn {
        let operator = OperatorId::from_bytes([operator; 16]);
        RefusedSignIn::new(operator, "wrong passphrase", [192, 0, 2, 7].into(), UnixMillis(at))
    }

    #[test]
    fn the_first_is_due_at_once_and_the_others_wait_and_are_counted() {
        let mut sign_ins = SignIns::default();
        sign_ins.add(refused(1, 1));
        assert_eq!(sign_ins.take_due(false), [refused(1, 1)]);
        for at in 2..1_000 {
            sign_ins.add(refused(1, at));
        }
        assert_eq!(sign_ins.take_due(false), []);
        sign_ins.add(refused(2, 5));
        assert_eq!(sign_ins.take_due(false), [refused(2, 5)], "another operator");
        let rest = sign_ins.take_due(true);
        assert_eq!((rest.len(), rest[0].times, rest[0].at), (1, 998, UnixMillis(2)));
        assert_eq!(sign_ins.take_due(true), []);
    }

    #[test]
    fn what_could_not_be_written_is_still_the_first() {
        let mut sign_ins = SignIns::default();
        sign_ins.add(refused(1, 1));
        let lost = sign_ins.take_due(false).remove(0);
        sign_ins.add(refused(1, 2));
        sign_ins.add(lost);
        let all = sign_ins.take_due(true);
        assert_eq!((all[0].times, all[0].at), (2, UnixMillis(1)));
    }

    #[test]
    fn operators_are_bounded() {
        let mut sign_ins = SignIns::default();
        for n in 0..2 * u32::try_from(MOST).unwrap() {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&n.to_be_bytes());
            sign_ins.add(RefusedSignIn { operator: OperatorId::from_bytes(bytes), ..refused(1, 1) });
        }
        assert_eq!(sign_ins.0.len(), MOST);
    }
}
