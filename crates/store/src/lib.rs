//! Durable state: accounts, keys, devices, jobs, rows, and the queue between callers and desktops. The only crate that
//! knows SQL. One operation is one function over an open [`session`], written once for every database.
//!
//! Writes go through one [`writer`], which commits whatever has queued while the last commit ran (group commit), and
//! answers only what is durable. Reads have their own connections.

pub mod admin;

mod account;
mod admission;
mod audit;
mod cancel;
mod channel;
mod clock_skew;
mod concluded_hours;
mod console;
mod console_rows;
mod counters;
mod database;
mod desk;
mod device;
mod effects;
mod error;
mod event;
mod heads;
mod health;
mod job;
mod kept;
mod key;
mod lease;
mod link;
#[cfg(feature = "made-up")]
mod made_up;
mod migrate;
mod nonce;
mod operation;
mod page_room;
mod people;
mod plan_room;
mod presence;
mod prune;
mod reader;
mod release;
mod report;
mod right;
mod row;
mod row_edit;
mod row_search;
mod row_sorting;
mod seal;
mod sealing;
mod session;
mod settings;
mod skip;
mod sqlite_file;
mod statement;
mod store;
mod turns;
mod upkeep;
mod wake;
mod writer;

pub use account::Account;
pub use admission::{Admission, AdmissionAnswer, AdmissionRequest};
pub use audit::BlockRange;
pub use audit::prune::{AuditCursor, PrunedAudit};
pub use cancel::Cancelled;
pub use concluded_hours::ConcludedHour;
pub use console_rows::{Attention, ConsoleRow, ConsoleRowFilter, ConsoleRowPage, QueueHead, RowOrder, RowPlace};
pub use database::{DatabaseUrl, UnknownDatabase};
pub use desk::{PullOrder, Pulled};
pub use device::DeviceRecord;
pub use error::StoreError;
pub use event::{EventPage, EventQuery};
pub use job::{JobFilter, JobRecord, JobRecordPage};
pub use kept::Kept;
pub use key::{KeyChange, KeyRecord, KeyRotation, NewKeyRecord, SigningKey, SigningKeys};
pub use link::{ApprovedLink, LinkDecided, LinkStanding};
#[cfg(feature = "made-up")]
pub use made_up::MadeUp;
pub use nonce::SpentNonce;
pub use people::identity::{IdentityAnswer, VerifiedIdentity};
pub use people::invitation::{Accepted, InvitationRecord, Invited, Invitee, NewInvitation, OpenInvitation};
pub use people::membership::{Member, MemberChanged};
pub use people::operator::{NewPassphrase, OperatorCredentials, OperatorRecord};
pub use people::session::{Membership, NewSession, RefusedSignIn, SessionRecord, SignedInRecord};
pub use people::setup::{NewOwner, NewSetupLink};
pub use presence::{HeldLease, Presence};
pub use prune::{PruneCursor, Pruned};
pub use report::PreparedResult;
pub use right::Right;
pub use row::{RowFilter, RowRecordPage};
pub use row_edit::{Recheck, RowEdit, RowEdited};
pub use seal::{Generation, Sealing, SealingKey, SealingRing};
pub use settings::Settings;
pub use store::Store;
pub use turns::Asker;
pub use upkeep::Upkeep;
pub use wake::{EndedWatch, ReadyWatch, RecordedWatch};
