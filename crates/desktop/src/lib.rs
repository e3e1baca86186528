//! The desktop: the program on the user's machine that pulls jobs from the relay, resolves them here and reports. It only
//! ever calls out.
//!
//! [`Desktop::start`] links it if need be (`linking`) and starts its loops: `pull` brings jobs and carries results along,
//! `upkeep` renews leases, reports while a pull waits, stops work whose lease has ended, and notices when the machine
//! slept. `run` is what they share, `work` one job, `held` the leases, `outbox` the results on their way, `gate` the pause
//! after failures.
//! `station` is what a desktop is on its machine before and beside any run: `preferences`, `history`, `activity`; the
//! pages ([`ui`]) stand on it. [`Keys`] manages the account's API keys through the same link.
//!
//! What it leaves out: how links are followed (`resolver`), and every rule about jobs (the relay's).

mod activity;
mod autostart;
mod backoff;
pub mod caller_examples;
mod config;
mod desktop;
mod device_key;
mod farewell;
mod follow_keys;
mod gate;
mod held;
mod history;
mod keys;
mod link_file;
mod linking;
mod outbox;
mod pausing;
mod preferences;
mod private_file;
mod pull;
mod relay_client;
mod resolving;
mod run;
mod secrets;
mod sleep_watch;
mod station;
mod status;
pub mod ui;
mod upkeep;
mod work;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use autostart::{Autostart, State as AutostartState};
pub use config::{Config, DEFAULT_CONCURRENCY, LinkEvent, PagesListen};
pub use desktop::{Desktop, StartError};
pub use held::RunningJob;
pub use keys::{CreatedKey, Intent, Keys, KeysError, KnownKey};
pub use link_file::Link;
pub use linking::LinkError;
pub use relay_client::{CallError, Refusal};
pub use secrets::{SecretsChoice, SecretsPlace, SecretsStanding, UnknownPlace};
pub use status::{Connection, Event, Status, Totals};

/// Locks for a moment; never held across a wait. The state behind our mutexes is whole at every step, so a thread that
/// panicked elsewhere leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
