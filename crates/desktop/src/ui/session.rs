//! Who may see the pages: a browser with a session. A session is made by a one-time URL alone, which only programs of this
//! user can get. Everything is in memory and ends with the desktop.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use http::HeaderMap;
use http::header::COOKIE;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::lock;

/// The cookie. It carries no port, and cookies know none: the relay's console on the same machine has another name.
const NAME: &str = "lp_desktop";
/// Browsers that may be signed in at once; the one that has been silent for longest goes.
const MAX_SESSIONS: usize = 16;
/// One-time URLs that may wait to be opened; the oldest goes.
const MAX_TICKETS: usize = 16;
/// How long a one-time URL may wait to be opened.
pub(super) const TICKET_LIFE: Duration = Duration::from_secs(10 * 60);

type Hash = [u8; 32];

/// The door: its tickets and sessions, by the hash of their secret, so that finding one tells nothing by its time.
#[derive(Default)]
pub(super) struct Door {
    tickets: Mutex<VecDeque<(Hash, Option<Instant>)>>,
    sessions: Mutex<VecDeque<Hash>>,
}

impl Door {
    /// The secret of a new one-time URL. Good for [`TICKET_LIFE`], or, when it is `lasting`, until it is used.
    pub(super) fn ticket(&self, lasting: bool) -> String {
        let (secret, hash) = new_secret();
        let mut tickets = lock(&self.tickets);
        tickets.retain(|(_, until)| until.is_none_or(|until| until > Instant::now()));
        if tickets.len() == MAX_TICKETS {
            tickets.pop_front();
        }
        tickets.push_back((hash, (!lasting).then(|| Instant::now() + TICKET_LIFE)));
        secret
    }

    /// Takes a ticket, once. The `Set-Cookie` of the session that it makes.
    pub(super) fn enter(&self, ticket: &str) -> Option<String> {
        let wanted = hash(ticket);
        {
            let mut tickets = lock(&self.tickets);
            let at = tickets.iter().position(|(hash, until)| *hash == wanted && until.is_none_or(|until| until > Instant::now()))?;
            tickets.remove(at);
        }
        let (secret, hash) = new_secret();
        let mut sessions = lock(&self.sessions);
        if sessions.len() == MAX_SESSIONS {
            sessions.pop_front();
        }
        sessions.push_back(hash);
        // Without a life of its own: it ends with the browser, or with the desktop.
        Some(format!("{NAME}={secret}; Path=/; HttpOnly; SameSite=Strict"))
    }

    /// Whether the request comes from a browser that has entered.
    pub(super) fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(wanted) = secret_of(headers).map(hash) else { return false };
        let mut sessions = lock(&self.sessions);
        let Some(at) = sessions.iter().position(|hash| *hash == wanted) else { return false };
        // The one that was heard of last is the last to go.
        if let Some(session) = sessions.remove(at) {
            sessions.push_back(session);
        }
        true
    }

    /// Ends the session of this browser. The `Set-Cookie` that takes its cookie away.
    pub(super) fn leave(&self, headers: &HeaderMap) -> String {
        if let Some(wanted) = secret_of(headers).map(hash) {
            lock(&self.sessions).retain(|hash| *hash != wanted);
        }
        format!("{NAME}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
    }
}

/// A new secret of 256 bits, and its hash.
pub(super) fn new_secret() -> (String, Hash) {
    let secret = BASE64URL_NOPAD.encode(&protocol::secret::random_bytes::<32>());
    let hash = hash(&secret);
    (secret, hash)
}

pub(super) fn hash(secret: &str) -> Hash {
    Sha256::digest(secret.as_bytes()).into()
}

fn secret_of(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    pairs.map(str::trim).find_map(|pair| pair.strip_prefix(NAME)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with_cookie(set_cookie: &str) -> HeaderMap {
        let pair = set_cookie.split(';').next().unwrap();
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&format!("other=1; {pair}")).unwrap())])
    }

    #[tokio::test(start_paused = true)]
    async fn a_ticket_lets_one_browser_in_once_and_in_time() {
        let door = Door::default();
        let ticket = door.ticket(false);
        let cookie = door.enter(&ticket).unwrap();
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"));
        assert!(door.knows(&with_cookie(&cookie)));
        assert!(door.enter(&ticket).is_none(), "once");
        let (late, lasting) = (door.ticket(false), door.ticket(true));
        tokio::time::advance(TICKET_LIFE).await;
        assert!(door.enter(&late).is_none());
        assert!(door.enter(&lasting).is_some());
        assert!(door.enter("").is_none() && !door.knows(&HeaderMap::new()) && !door.knows(&with_cookie("lp_desktop=")));
    }

    #[test]
    fn whoever_leaves_is_not_known_any_more() {
        let door = Door::default();
        let cookie = door.enter(&door.ticket(false)).unwrap();
        door.leave(&with_cookie(&cookie));
        assert!(!door.knows(&with_cookie(&cookie)));
    }

    #[test]
    fn sessions_and_tickets_are_bounded_and_the_silent_go_first() {
        let door = Door::default();
        let first = with_cookie(&door.enter(&door.ticket(false)).unwrap());
        let second = with_cookie(&door.enter(&door.ticket(false)).unwrap());
        for _ in 2..MAX_SESSIONS {
            door.enter(&door.ticket(false)).unwrap();
        }
        assert!(door.knows(&first));
        door.enter(&door.ticket(false)).unwrap();
        assert!(door.knows(&first) && !door.knows(&second));
        let oldest = door.ticket(true);
        for _ in 0..MAX_TICKETS {
            door.ticket(true);
        }
        assert!(door.enter(&oldest).is_none());
    }
}
