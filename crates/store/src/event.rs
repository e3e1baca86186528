//! Events: the audit, read for changes of jobs' states. A block that can be seen has all those before it beside it, so a
//! reader that goes on behind the last event it has seen misses none and sees none twice.

use domain::events::{self, Event, EventId, RESUMABLE_BLOCKS, RESUMABLE_MILLIS};
use protocol::{AccountId, Environment, UnixMillis};

use crate::audit::{self, BlockRange};
use crate::error::StoreError;
use crate::session::Session;

/// Blocks of one page.
const PAGE: u32 = 16;

/// Which events are read.
#[derive(Clone, Copy, Debug)]
pub struct EventQuery {
    /// Whose.
    pub account: AccountId,
    /// Of which environment; none: of both.
    pub environment: Option<Environment>,
    /// Behind which; none: what comes from now on.
    pub after: Option<EventId>,
    /// Now, when somebody goes on where they stopped, which is possible for a while only; none: they have listened all
    /// along, and are never too late.
    pub resumes_at: Option<UnixMillis>,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventPage {
    /// Events, oldest first; possibly none.
    Events {
        /// The events.
        events: Vec<Event>,
        /// Behind what to read next.
        next: EventId,
        /// Whether there is more to read now.
        more: bool,
    },
    /// What came behind the id is not kept, or never was.
    Reset {
        /// Behind what to read from now on.
        next: EventId,
    },
}

pub(crate) async fn page(session: &mut Session<'_>, query: &EventQuery) -> Result<EventPage, StoreError> {
    let ends = audit::ends(session, &query.account).await?;
    let now = EventId::behind_block(ends.head.seq);
    let Some(after) = query.after else { return Ok(EventPage::Events { events: Vec::new(), next: now, more: false }) };
    let was_pruned = after.seq <= ends.anchor.seq;
    // From another database, or from the future of one that was restored.
    let never_was = after > now;
    if was_pruned || never_was || ends.head.seq.saturating_sub(after.seq) > RESUMABLE_BLOCKS {
        return Ok(EventPage::Reset { next: now });
    }
    let blocks = audit::blocks(session, &(query.account, BlockRange::After(after.seq - 1), PAGE)).await?;
    let is_too_old = |at: UnixMillis| query.resumes_at.is_some_and(|now| at < now.plus_millis(-RESUMABLE_MILLIS));
    if blocks.first().is_some_and(|block| is_too_old(block.at)) {
        return Ok(EventPage::Reset { next: now });
    }
    let mut found = Vec::new();
    for block in &blocks {
        let lines =
            block.lines().map_err(|error| StoreError::Corrupt(format!("audit record {} of {}: {error}", block.seq, block.account)))?;
        let of_block = events::of_block(block.seq, &lines).into_iter().filter(|event| event.id > after);
        found.extend(of_block.filter(|event| query.environment.is_none_or(|wanted| wanted == event.environment)));
    }
    let next = blocks.last().map_or(after, |last| EventId::behind_block(last.seq));
    Ok(EventPage::Events { events: found, next: next.max(after), more: blocks.len() == PAGE as usize })
}
