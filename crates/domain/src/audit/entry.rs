//! One decision, as it is kept. Many decisions of one kind that a commit makes together share a line: a thousand
//! admissions of one key are one line with a thousand jobs.

use protocol::{Conclusion, DeviceId, Environment, JobId, KeyId, UnixMillis};
use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::received::Received;

/// Characters that any free text of an entry keeps: it was sent by somebody, and is kept for long.
pub const TEXT_CHARS: usize = 300;

/// What was decided. Members are added, never renamed: exports of years ago are read with the program of today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Entry {
    /// Signed requests that made jobs.
    Admitted {
        /// The key that signed.
        key: KeyId,
        /// Of the key.
        environment: Environment,
        /// The jobs that were made, in order.
        jobs: Vec<JobId>,
        /// The requests in order, each with how many of the jobs came of it: a batch is one request for many, and requests
        /// that are alike in the same second are one, too. Absent in what older programs wrote.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        received: Vec<(Received, u32)>,
    },
    /// Signed requests that repeated an earlier one.
    Replayed {
        /// The key that signed.
        key: KeyId,
        /// Of the key.
        environment: Environment,
        /// The jobs that were answered with.
        jobs: Vec<JobId>,
        /// The requests in order, each with how many of the jobs came of it: a batch is one request for many, and requests
        /// that are alike in the same second are one, too. Absent in what older programs wrote.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        received: Vec<(Received, u32)>,
    },
    /// Signed requests that were refused. Of many alike the first is kept, and how many more came until when.
    Refused {
        /// The key that signed.
        key: KeyId,
        /// The problem's code.
        code: String,
        /// Why, exactly.
        detail: String,
        /// Method and path.
        target: String,
        /// The nonce of the first.
        nonce: String,
        /// How many in all.
        times: u64,
        /// When the last of them came.
        until: UnixMillis,
        /// What the first was. Absent in what older programs wrote.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        received: Option<Received>,
    },
    /// Rows that a person wanted checked again.
    Rechecked {
        /// By whom.
        by: Actor,
        /// Of the rows.
        environment: Environment,
        /// The jobs that were made, in order.
        jobs: Vec<JobId>,
    },
    /// What is expected of a row was changed, or whether it is checked at all.
    RowChanged {
        /// By whom.
        by: Actor,
        /// Of the row.
        environment: Environment,
        /// Where it lives.
        source: String,
        /// Its identity there.
        row: String,
        /// What was changed, and to what.
        change: String,
    },
    /// A desktop got jobs.
    Leased {
        /// Which.
        device: DeviceId,
        /// Of the jobs.
        environment: Environment,
        /// The jobs.
        jobs: Vec<JobId>,
    },
    /// Jobs are queued again.
    Requeued {
        /// Why.
        why: Requeued,
        /// Of the jobs.
        environment: Environment,
        /// The jobs.
        jobs: Vec<JobId>,
    },
    /// Jobs ended.
    Concluded {
        /// Whose results; absent: the relay gave up, or the row is excluded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<DeviceId>,
        /// Of the jobs.
        environment: Environment,
        /// Each with its conclusion.
        jobs: Vec<(JobId, Conclusion)>,
    },
    /// Jobs were called off.
    Cancelled {
        /// By whom.
        by: Actor,
        /// Of the jobs.
        environment: Environment,
        /// The jobs.
        jobs: Vec<JobId>,
    },
    /// A desktop may become a device.
    LinkApproved {
        /// By whom.
        by: Actor,
        /// What the desktop calls its machine.
        name: String,
        /// Its operating system and processor.
        platform: String,
    },
    /// A desktop may not.
    LinkDenied {
        /// By whom.
        by: Actor,
        /// What the desktop calls its machine.
        name: String,
    },
    /// A desktop became a device.
    Linked {
        /// Which.
        device: DeviceId,
        /// What it is called.
        name: String,
        /// Its operating system and processor.
        platform: String,
    },
    /// A device was named anew.
    DeviceRenamed {
        /// By whom.
        by: Actor,
        /// Which.
        device: DeviceId,
        /// Its new name.
        name: String,
    },
    /// A device was shut out.
    DeviceRevoked {
        /// By whom.
        by: Actor,
        /// Which.
        device: DeviceId,
    },
    /// An API key was made.
    KeyCreated {
        /// By whom.
        by: Actor,
        /// Its id.
        key: KeyId,
        /// What people call it.
        label: String,
    },
    /// An API key has another secret.
    KeyRotated {
        /// By whom.
        by: Actor,
        /// Its id.
        key: KeyId,
        /// Until when the old secret counts too.
        overlap_until: UnixMillis,
    },
    /// What a key may do, or from where, was changed.
    KeyChanged {
        /// By whom.
        by: Actor,
        /// Its id.
        key: KeyId,
        /// What was changed, and to what.
        change: String,
    },
    /// An API key was shut out.
    KeyRevoked {
        /// By whom.
        by: Actor,
        /// Its id.
        key: KeyId,
    },
    /// A person signed in to the console.
    SignedIn {
        /// Who.
        by: Actor,
        /// How: `passphrase`, or the name of an OpenID provider.
        how: String,
        /// From which address.
        from: String,
    },
    /// Somebody tried to sign in and was refused. Of many alike the first is kept.
    SignInRefused {
        /// As whom.
        who: String,
        /// Why, exactly.
        why: String,
        /// From which address.
        from: String,
        /// How many in all.
        times: u64,
    },
    /// A person's sessions ended.
    SignedOut {
        /// By whom.
        by: Actor,
        /// Why, and whose.
        why: String,
    },
    /// Who may do what in the console was changed.
    OperatorChanged {
        /// By whom.
        by: Actor,
        /// Whom it concerns.
        operator: String,
        /// What was changed: invited, joined, another role, removed.
        change: String,
    },
    /// The account was made.
    AccountCreated {
        /// What it is called.
        name: String,
        /// Its plan.
        plan: String,
    },
    /// The account has another plan.
    PlanChanged {
        /// By whom.
        by: Actor,
        /// The new one.
        plan: String,
    },
    /// A setting has another value. Never a secret one.
    SettingChanged {
        /// By whom.
        by: Actor,
        /// Which.
        setting: String,
        /// The new value.
        value: String,
    },
    /// Written by a program that knows more than this one.
    #[serde(other)]
    Unknown,
}

/// Why a job is queued again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requeued {
    /// Its desktop gave it back.
    Released,
    /// Its lease ended.
    LeaseEnded,
    /// Its device was revoked.
    DeviceRevoked,
}

/// An entry with its time: the form in which it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When; of many that share the line, the first.
    pub at: UnixMillis,
    /// What.
    #[serde(flatten)]
    pub entry: Entry,
}

/// One list of kinds, so that a filter knows every kind that there is.
macro_rules! kinds {
    ($($variant:ident => $name:literal,)*) => {
        impl Entry {
            /// Every kind, in the order of [`Entry`].
            pub const KINDS: &[&str] = &[$($name),*];

            /// What scripts and filters call this kind.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)*
                }
            }
        }
    };
}

kinds! {
    Admitted => "admitted",
    Replayed => "replayed",
    Refused => "refused",
    Rechecked => "rechecked",
    RowChanged => "row_changed",
    Leased => "leased",
    Requeued => "requeued",
    Concluded => "concluded",
    Cancelled => "cancelled",
    LinkApproved => "link_approved",
    LinkDenied => "link_denied",
    Linked => "linked",
    DeviceRenamed => "device_renamed",
    DeviceRevoked => "device_revoked",
    KeyCreated => "key_created",
    KeyRotated => "key_rotated",
    KeyChanged => "key_changed",
    KeyRevoked => "key_revoked",
    SignedIn => "signed_in",
    SignInRefused => "sign_in_refused",
    SignedOut => "signed_out",
    OperatorChanged => "operator_changed",
    AccountCreated => "account_created",
    PlanChanged => "plan_changed",
    SettingChanged => "setting_changed",
    Unknown => "unknown",
}

impl Entry {
    /// How many decisions it stands for.
    #[must_use]
    pub fn decisions(&self) -> u64 {
        match self {
            Self::Admitted { jobs, .. }
            | Self::Replayed { jobs, .. }
            | Self::Rechecked { jobs, .. }
            | Self::Leased { jobs, .. }
            | Self::Requeued { jobs, .. }
            | Self::Cancelled { jobs, .. } => jobs.len() as u64,
            Self::Concluded { jobs, .. } => jobs.len() as u64,
            Self::Refused { times, .. } | Self::SignInRefused { times, .. } => *times,
            _ => 1,
        }
    }

    /// Takes `other` in where both can share a line, and hands it back where not.
    pub(super) fn absorb(&mut self, other: Self) -> Option<Self> {
        match (self, other) {
            (
                Self::Admitted { key, environment, jobs, received },
                Self::Admitted { key: k, environment: e, jobs: more, received: of_more },
            )
            | (
                Self::Replayed { key, environment, jobs, received },
                Self::Replayed { key: k, environment: e, jobs: more, received: of_more },
            ) if *key == k && *environment == e => {
                jobs.extend(more);
                for (request, its_jobs) in of_more {
                    match received.last_mut().filter(|(last, _)| *last == request) {
                        Some((_, jobs)) => *jobs += its_jobs,
                        None => received.push((request, its_jobs)),
                    }
                }
                None
            }
            (Self::Leased { device, environment, jobs }, Self::Leased { device: d, environment: e, jobs: more })
                if *device == d && *environment == e =>
            {
                jobs.extend(more);
                None
            }
            (Self::Requeued { why, environment, jobs }, Self::Requeued { why: w, environment: e, jobs: more })
                if *why == w && *environment == e =>
            {
                jobs.extend(more);
                None
            }
            (Self::Concluded { device, environment, jobs }, Self::Concluded { device: d, environment: e, jobs: more })
                if *device == d && *environment == e =>
            {
                jobs.extend(more);
                None
            }
            (Self::Cancelled { by, environment, jobs }, Self::Cancelled { by: b, environment: e, jobs: more })
                if *by == b && *environment == e =>
            {
                jobs.extend(more);
                None
            }
            (_, other) => Some(other),
        }
    }

    /// The same with every free text cut to [`TEXT_CHARS`].
    pub(super) fn bounded(mut self) -> Self {
        let texts: Vec<&mut String> = match &mut self {
            Self::Refused { detail, target, nonce, code, .. } => vec![detail, target, nonce, code],
            Self::LinkApproved { name, platform, .. } | Self::Linked { name, platform, .. } => vec![name, platform],
            Self::LinkDenied { name, .. } | Self::DeviceRenamed { name, .. } => vec![name],
            Self::RowChanged { source, row, change, .. } => vec![source, row, change],
            Self::KeyCreated { label, .. } => vec![label],
            Self::KeyChanged { change, .. } => vec![change],
            Self::SignedIn { how, from, .. } => vec![how, from],
            Self::SignInRefused { who, why, from, .. } => vec![who, why, from],
            Self::SignedOut { why, .. } => vec![why],
            Self::OperatorChanged { operator, change, .. } => vec![operator, change],
            Self::AccountCreated { name, plan } => vec![name, plan],
            Self::PlanChanged { plan, .. } => vec![plan],
            Self::SettingChanged { setting, value, .. } => vec![setting, value],
            Self::Admitted { .. }
            | Self::Replayed { .. }
            | Self::Rechecked { .. }
            | Self::Leased { .. }
            | Self::Requeued { .. }
            | Self::Concluded { .. }
            | Self::Cancelled { .. }
            | Self::DeviceRevoked { .. }
            | Self::KeyRotated { .. }
            | Self::KeyRevoked { .. }
            | Self::Unknown => Vec::new(),
        };
        for text in texts {
            if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS) {
                text.truncate(end);
            }
        }
        self
    }
}
