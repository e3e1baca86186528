//! What programs of this user ask a running desktop: `link-peeler desktop open`, `status`, `pause`, `resume`. They find it
//! by a private file in the data folder, which holds the address and a token.

use std::fs::OpenOptions;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use protocol::{AccountId, DeviceId, Secret, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Office, Shared, session};
use crate::private_file;
use crate::secrets::SecretsStanding;
use crate::station;
use crate::status::Connection;

const FILE: &str = "pages.json";

/// How to reach the pages of a running desktop.
#[derive(Debug)]
pub struct Control {
    /// Where they listen.
    pub address: SocketAddr,
    /// Sent as `Authorization: Bearer`.
    pub token: Secret,
}

impl Control {
    /// The desktop that runs in this data folder; none when there is none, or it has no pages.
    ///
    /// # Errors
    /// What the file system says.
    pub fn find(data_dir: &Path) -> io::Result<Option<Self>> {
        let path = data_dir.join(FILE);
        let Some(bytes) = private_file::read(&path)? else { return Ok(None) };
        // A desktop that was killed leaves its file behind, and whoever listens there now is none of ours: the folder's lock
        // tells.
        let locked = match OpenOptions::new().write(true).open(data_dir.join(crate::desktop::LOCK)) {
            Ok(file) => file.try_lock_shared().is_err(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if !locked {
            return Ok(None);
        }
        let written: Written = serde_json::from_slice(&bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display())))?;
        Ok(Some(Self { address: written.address, token: Secret::new(written.token) }))
    }
}

impl Control {
    /// Takes away what a desktop that was killed has left.
    pub(crate) fn forget(data_dir: &Path) -> io::Result<()> {
        match std::fs::remove_file(data_dir.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Written {
    address: SocketAddr,
    token: String,
}

/// The file of a running desktop; it goes with it.
pub(super) struct ControlFile(PathBuf);

impl ControlFile {
    /// Writes it. Also the hash of the token.
    pub(super) fn write(data_dir: &Path, address: SocketAddr) -> io::Result<(Self, [u8; 32])> {
        let (token, hash) = session::new_secret();
        let path = data_dir.join(FILE);
        private_file::write(&path, &serde_json::to_vec(&Written { address, token }).map_err(io::Error::other)?)?;
        Ok((Self(path), hash))
    }
}

impl Drop for ControlFile {
    fn drop(&mut self) {
        // One that stays is known for what it is by the lock.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What a desktop says of itself, to programs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    /// How far it has come.
    pub stage: Stage,
    /// What an operator approves, while it is to be linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_code: Option<String>,
    /// Where it is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_uri: Option<String>,
    /// The relay that it works with.
    pub relay_url: String,
    /// Its id, once it is linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
    /// The account that it works for, once it is linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Whether the relay's last word was an answer.
    pub relay_answers: bool,
    /// Whether it was a refusal of this desktop: revoked, perhaps.
    #[serde(default)]
    pub relay_refuses: bool,
    /// Why it was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Whether it takes no new jobs.
    pub paused: bool,
    /// Jobs being resolved.
    pub running: usize,
    /// Jobs at once.
    pub slots: usize,
    /// Results that the relay has not settled.
    pub unsettled_results: usize,
    /// Jobs that came to a result since the start.
    pub resolved: u64,
    /// The browser that is used; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<PathBuf>,
    /// Where its own key and the secrets of API keys lie.
    #[serde(default)]
    pub secrets: SecretsStanding,
    /// When it was started.
    pub started_at: UnixMillis,
    /// Its version.
    pub version: String,
    /// Where its pages are.
    pub pages_url: String,
}

/// How far a desktop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It asks the relay for a code.
    Asking,
    /// It shows a code that somebody must approve.
    Code,
    /// It is linked.
    Linked,
}

/// `GET /control/status`.
pub(super) async fn status(State(office): State<Shared>) -> Response {
    Json(report(&office)).into_response()
}

/// `POST /control/open`: a one-time URL.
pub(super) async fn open(State(office): State<Shared>) -> Response {
    let seconds = session::TICKET_LIFE.as_secs();
    Json(json!({"url": office.one_time_url(false), "expiresIn": seconds})).into_response()
}

/// `POST /control/pause`.
pub(super) async fn pause(State(office): State<Shared>) -> Response {
    turn(&office, true)
}

/// `POST /control/resume`.
pub(super) async fn resume(State(office): State<Shared>) -> Response {
    turn(&office, false)
}

fn turn(office: &Office, paused: bool) -> Response {
    match office.station.pause(paused) {
        Ok(_) => Json(report(office)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn report(office: &Office) -> StatusReport {
    let station = &office.station;
    let run = station.run().map(|run| run.status());
    let (stage, code, asking) = match station.stage() {
        station::Stage::Asking(trouble) => (Stage::Asking, None, trouble),
        station::Stage::Code(started, _) => (Stage::Code, Some(started), None),
        station::Stage::AtWork(_) => (Stage::Linked, None, None),
    };
    let trouble = match run.as_ref().map(|run| &run.connection) {
        Some(Connection::Retrying { reason, .. }) => Some(reason.clone()),
        Some(Connection::Connected | Connection::Connecting) | None => asking,
    };
    StatusReport {
        stage,
        user_code: code.as_ref().map(|code| code.user_code.clone()),
        verification_uri: code.map(|code| code.verification_uri),
        relay_url: station.relay_url.to_string(),
        device_id: run.as_ref().map(|run| run.device_id),
        account: run.as_ref().map(|run| run.account),
        relay_answers: stage == Stage::Code || run.as_ref().is_some_and(|run| run.connection == Connection::Connected),
        relay_refuses: run.as_ref().is_some_and(|run| matches!(run.connection, Connection::Retrying { refused: true, .. })),
        trouble,
        paused: station.pausing.is_paused(),
        running: run.as_ref().map_or(0, |run| run.running.len()),
        slots: run.as_ref().map_or(0, |run| run.slots),
        unsettled_results: run.as_ref().map_or(0, |run| run.unsettled_results),
        resolved: run.as_ref().map_or(0, |run| run.totals.resolved),
        browser: station.resolving.browser().ok(),
        secrets: station.secrets_standing.clone(),
        started_at: station.started_at,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pages_url: format!("http://{}/", office.address),
    }
}
