//! Server-sent events as text (HTML Living Standard, section 9.2). JSON has no line feeds of its own, so each is one line.

use std::fmt::Write as _;

use domain::events::{Event, EventId};
use protocol::{EventsReset, JobEvent};

/// Milliseconds after which a browser comes back.
pub(super) const OPENING: &str = "retry: 2000\n\n";
/// A comment: whoever reads events does not see it.
pub(super) const HEARTBEAT: &str = ": still here\n\n";

/// A job came into a state.
pub(super) fn job(piece: &mut String, event: &Event, public_url: &str) {
    let data = JobEvent {
        job_id: event.job_id,
        state: event.state,
        conclusion: event.conclusion,
        at: event.at,
        status_url: format!("{public_url}/api/links/jobs/{}", event.job_id),
    };
    write(piece, "job", event.id, &data);
}

/// What was between the id that was given and now is not kept.
pub(super) fn reset(at: EventId) -> String {
    let detail = "What came after this id is no longer kept, or never was. Read the jobs anew; from here on nothing is missed.".to_owned();
    let mut piece = String::new();
    write(&mut piece, "reset", at, &EventsReset { detail });
    piece
}

/// Moves the reader's place without an event: browsers remember an id that comes without data.
pub(super) fn place(piece: &mut String, at: EventId) {
    let _ = write!(piece, "id: {at}\n\n");
}

fn write<D: serde::Serialize>(piece: &mut String, name: &str, id: EventId, data: &D) {
    // Neither writing to a String fails nor does a message of ours.
    let data = serde_json::to_string(data).unwrap_or_default();
    let _ = write!(piece, "id: {id}\nevent: {name}\ndata: {data}\n\n");
}
