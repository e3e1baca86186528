//! Changes of jobs' states, as they are told: they are what the audit says anyway, under names that say where in it they
//! stand. Whoever has heard one can go on behind it, at any relay, after any pause that the audit is kept for.

use std::fmt;
use std::str::FromStr;

use protocol::{Conclusion, Environment, JobId, JobState, UnixMillis};

use crate::audit::{Entry, Line};

/// Milliseconds after which nobody can go on where they stopped: long enough for a weekend, and short enough that catching
/// up is not slower than asking for the jobs themselves.
pub const RESUMABLE_MILLIS: i64 = 72 * 3_600 * 1_000;
/// Blocks after which nobody can go on where they stopped.
pub const RESUMABLE_BLOCKS: u64 = 1_000_000;

/// Where in an account's audit an event stands. Written as two numbers, `120-3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId {
    /// The block.
    pub seq: u64,
    /// The event within the block, from 1; 0: before the first.
    pub place: u32,
}

impl EventId {
    /// Before everything that comes after this block.
    #[must_use]
    pub const fn behind_block(seq: u64) -> Self {
        Self { seq: seq + 1, place: 0 }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.seq, self.place)
    }
}

/// The text is no id of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the id of an event, such as 120-3")]
pub struct InvalidEventId;

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<Self, InvalidEventId> {
        let number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u64>().ok()).flatten();
        let (seq, place) = text.split_once('-').ok_or(InvalidEventId)?;
        let seq = number(seq).filter(|seq| (1..=i64::MAX.unsigned_abs() - 1).contains(seq)).ok_or(InvalidEventId)?;
        let place = number(place).and_then(|place| place.try_into().ok()).ok_or(InvalidEventId)?;
        Ok(Self { seq, place })
    }
}

/// A job came into a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where it stands.
    pub id: EventId,
    /// Of the job.
    pub environment: Environment,
    /// Which job.
    pub job_id: JobId,
    /// The state that it came into.
    pub state: JobState,
    /// With `concluded`: the conclusion.
    pub conclusion: Option<Conclusion>,
    /// When.
    pub at: UnixMillis,
}

/// The events of a block, in order.
#[must_use]
pub fn of_block(seq: u64, lines: &[Line]) -> Vec<Event> {
    let mut events = Vec::new();
    for Line { at, entry } in lines {
        let mut add = |environment: &Environment, job_id: &JobId, state, conclusion| {
            let place = u32::try_from(events.len() + 1).unwrap_or(u32::MAX);
            events.push(Event { id: EventId { seq, place }, environment: *environment, job_id: *job_id, state, conclusion, at: *at });
        };
        match entry {
            Entry::Admitted { environment, jobs, .. }
            | Entry::Rechecked { environment, jobs, .. }
            | Entry::Requeued { environment, jobs, .. } => {
                jobs.iter().for_each(|job_id| add(environment, job_id, JobState::Queued, None));
            }
            Entry::Leased { environment, jobs, .. } => jobs.iter().for_each(|job_id| add(environment, job_id, JobState::Leased, None)),
            Entry::Concluded { environment, jobs, .. } => {
                jobs.iter().for_each(|(job_id, conclusion)| add(environment, job_id, JobState::Concluded, Some(*conclusion)));
            }
            Entry::Cancelled { environment, jobs, .. } => {
                jobs.iter().for_each(|job_id| add(environment, job_id, JobState::Cancelled, None))
            }
            // They change no job's state.
            Entry::Replayed { .. }
            | Entry::Refused { .. }
            | Entry::RowChanged { .. }
            | Entry::LinkApproved { .. }
            | Entry::LinkDenied { .. }
            | Entry::Linked { .. }
            | Entry::DeviceRenamed { .. }
            | Entry::DeviceRevoked { .. }
            | Entry::KeyCreated { .. }
            | Entry::KeyRotated { .. }
            | Entry::KeyChanged { .. }
            | Entry::KeyRevoked { .. }
            | Entry::SignedIn { .. }
            | Entry::SignInRefused { .. }
            | Entry::SignedOut { .. }
            | Entry::OperatorChanged { .. }
            | Entry::AccountCreated { .. }
            | Entry::PlanChanged { .. }
            | Entry::SettingChanged { .. }
            | Entry::Unknown => {}
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_written_form_and_sorts_by_place() {
        let id = EventId { seq: 120, place: 3 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "120", "-3", "120-", "0-1", "+1-2", "1-2-3", "99999999999999999999-1", "1-99999999999"] {
            assert_eq!(text.parse::<EventId>(), Err(InvalidEventId), "{text}");
        }
        assert!(id < EventId::behind_block(120) && EventId::behind_block(120) < EventId { seq: 121, place: 1 });
    }

    #[test]
    fn what_changes_a_jobs_state_is_an_event_and_nothing_else_is() {
        let line = |entry| Line { at: UnixMillis(7), entry };
        let (key, job) = ("lp_live_0123456789abcdef".parse::<protocol::KeyId>().unwrap(), |n| JobId::from_bytes([n; 16]));
        let environment = Environment::Live;
        let lines = [
            line(Entry::Admitted { key: key.clone(), environment, jobs: vec![job(1), job(2)], received: Vec::new() }),
            line(Entry::Replayed { key, environment, jobs: vec![job(1)], received: Vec::new() }),
            line(Entry::Concluded { device: None, environment, jobs: vec![(job(2), Conclusion::NotExecuted)] }),
        ];
        let told: Vec<_> = of_block(9, &lines).into_iter().map(|event| (event.id.to_string(), event.job_id, event.state)).collect();
        assert_eq!(
            told,
            [
                ("9-1".to_owned(), job(1), JobState::Queued),
                ("9-2".to_owned(), job(2), JobState::Queued),
                ("9-3".to_owned(), job(2), JobState::Concluded),
            ]
        );
    }
}
