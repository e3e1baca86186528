//! An entry in a sentence, for people. What is exact is the entry; this is how it is read aloud.

use super::entry::{Entry, Requeued};

/// Jobs that a sentence names; of more it says how many.
const NAMED_JOBS: usize = 3;

impl Entry {
    /// What happened, in a sentence without its time.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Admitted { key, jobs, .. } => format!("key {key} had {} made", list(jobs)),
            Self::Replayed { key, jobs, .. } => format!("key {key} asked again for {}", list(jobs)),
            Self::Refused { key, code, detail, target, times, until, .. } => {
                let more = if *times > 1 { format!(" ({times} times, last at {until})") } else { String::new() };
                format!("key {key} was refused at {target}: {code}. {detail}{more}")
            }
            Self::Rechecked { by, jobs, .. } => format!("{by} wanted a row checked again: {}", list(jobs)),
            Self::RowChanged { by, source, row, change, .. } => format!("{by} changed row {row} of {source}: {change}"),
            Self::Leased { device, jobs, .. } => format!("device {device} got {}", list(jobs)),
            Self::Requeued { why, jobs, .. } => {
                let why = match why {
                    Requeued::Released => "its desktop gave back",
                    Requeued::LeaseEnded => "the lease ended of",
                    Requeued::DeviceRevoked => "its device was revoked of",
                };
                format!("queued again, since {why} {}", list(jobs))
            }
            Self::Concluded { device, jobs, .. } => {
                let by = device.map_or_else(|| "the relay".to_owned(), |device| format!("device {device}"));
                let named: Vec<String> = jobs.iter().take(NAMED_JOBS).map(|(job, conclusion)| format!("{job} as {conclusion}")).collect();
                format!("{by} concluded {}{}", named.join(", "), rest(jobs.len()))
            }
            Self::Cancelled { by, jobs, .. } => format!("{by} cancelled {}", list(jobs)),
            Self::LinkApproved { by, name, platform } => format!("{by} approved the linking of {name} ({platform})"),
            Self::LinkDenied { by, name } => format!("{by} denied the linking of {name}"),
            Self::Linked { device, name, platform } => format!("{name} ({platform}) was linked as {device}"),
            Self::DeviceRenamed { by, device, name } => format!("{by} named device {device} {name}"),
            Self::DeviceRevoked { by, device } => format!("{by} revoked device {device}"),
            Self::KeyCreated { by, key, label } => format!("{by} made key {key} ({label})"),
            Self::KeyRotated { by, key, overlap_until } => format!("{by} rotated key {key}; the old secret counts until {overlap_until}"),
            Self::KeyChanged { by, key, change } => format!("{by} changed key {key}: {change}"),
            Self::KeyRevoked { by, key } => format!("{by} revoked key {key}"),
            Self::SignedIn { by, how, from } => format!("{by} signed in by {how} from {from}"),
            Self::SignInRefused { who, why, from, times } => {
                let more = if *times > 1 { format!(" ({times} times)") } else { String::new() };
                format!("{who} was not signed in from {from}: {why}{more}")
            }
            Self::SignedOut { by, why } => format!("{by} was signed out: {why}"),
            Self::OperatorChanged { by, operator, change } => format!("{by} changed operator {operator}: {change}"),
            Self::AccountCreated { name, plan } => format!("account {name} was made, on plan {plan}"),
            Self::PlanChanged { by, plan } => format!("{by} changed the plan to {plan}"),
            Self::SettingChanged { by, setting, value } => format!("{by} set {setting} to {value}"),
            Self::Unknown => "an entry of a newer program".to_owned(),
        }
    }
}

fn list<J: std::fmt::Display>(jobs: &[J]) -> String {
    let named: Vec<String> = jobs.iter().take(NAMED_JOBS).map(ToString::to_string).collect();
    format!("{}{}", named.join(", "), rest(jobs.len()))
}

fn rest(jobs: usize) -> String {
    match jobs.saturating_sub(NAMED_JOBS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Environment, JobId};

    use super::*;

    #[test]
    fn a_sentence_names_some_jobs_and_counts_the_rest() {
        let key = "lp_live_0123456789abcdef".parse().unwrap();
        let jobs = (0..1_000).map(|n| JobId::from_bytes([u8::try_from(n % 250).unwrap(); 16])).collect();
        let sentence = Entry::Admitted { key, environment: Environment::Live, jobs, received: Vec::new() }.describe();
        assert!(
            sentence.starts_with("key lp_live_0123456789abcdef had job_0000") && sentence.ends_with(" and 997 more made"),
            "{sentence}"
        );
    }
}
