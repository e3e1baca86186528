//! Decides how what is known here and what the relay tells are brought in line. Pure: both inventories in, one step a key
//! out. A revoked key stays revoked whoever forgot it; what was begun here is ended; the rest is the relay's word.

use protocol::key::KeyInfo;
use protocol::{KeyId, UnixMillis};

use super::inventory::{Intent, KnownKey};

/// What is to be done about one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Take the relay's word.
    Take(KeyInfo),
    /// Take the relay's word, and forget the secret: it signs nothing any more.
    TakeAndForgetSecret(KeyInfo),
    /// Hand the key in, again or for the first time.
    HandIn,
    /// Tell the relay of the rotation, again or for the first time.
    Rotate {
        /// The number of the rotation.
        rotation: u32,
        /// Seconds that both secrets sign.
        overlap_seconds: u32,
    },
    /// Take the relay's word; the rotation that was begun here has come to nothing.
    DropRotation(KeyInfo),
    /// Have the relay revoke it.
    Revoke,
    /// Forget it.
    Forget,
    /// Nothing.
    Keep,
}

/// The step for each key that is known here. Keys that only the relay knows are not among them: they are taken as told.
pub(crate) fn align(known: &[KnownKey], told: &[KeyInfo], now: UnixMillis) -> Vec<(KeyId, Step)> {
    let step = |key: &KnownKey| {
        let told = told.iter().find(|told| told.key_id == key.info.key_id);
        (key.info.key_id.clone(), told.map_or_else(|| not_told(key), |told| of_told(key, told, now)))
    };
    known.iter().map(step).collect()
}

fn of_told(key: &KnownKey, told: &KeyInfo, now: UnixMillis) -> Step {
    if told.revoked_at.is_some() {
        return Step::TakeAndForgetSecret(told.clone());
    }
    // The relay has forgotten that it was revoked: it was restored to an earlier state.
    if key.info.revoked_at.is_some() {
        return Step::Revoke;
    }
    match key.intent {
        Some(Intent::Revoking) => Step::Revoke,
        Some(Intent::Rotating { rotation, overlap_seconds }) if told.rotation <= rotation => Step::Rotate { rotation, overlap_seconds },
        Some(Intent::Rotating { .. }) => Step::DropRotation(told.clone()),
        Some(Intent::Making) | None => {
            let is_over = told.previous_ends_at.is_none_or(|end| end <= now);
            if key.has_secret && key.secret_rotation < told.rotation && is_over {
                Step::TakeAndForgetSecret(told.clone())
            } else {
                Step::Take(told.clone())
            }
        }
    }
}

fn not_told(key: &KnownKey) -> Step {
    if key.info.revoked_at.is_some() || key.intent == Some(Intent::Revoking) {
        return Step::Keep;
    }
    // Without its secret nobody can hand it in; with it, the relay has not heard of it yet, or was restored to before.
    if key.has_secret && !key.is_stale() { Step::HandIn } else { Step::Forget }
}

#[cfg(test)]
mod tests {
    use protocol::Environment;
    use protocol::key::KeyTerms;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000);

    fn key() -> KnownKey {
        let info = KeyInfo {
            key_id: "lp_live_0123456789abcdef".parse().unwrap(),
            label: "a".to_owned(),
            environment: Environment::Live,
            terms: KeyTerms::default(),
            created_at: UnixMillis(1),
            made_by: None,
            last_used_at: None,
            rotation: 0,
            previous_ends_at: None,
            revoked_at: None,
        };
        KnownKey { info, intent: None, has_secret: true, secret_rotation: 0, shown: true }
    }

    fn step(known: &KnownKey, told: Option<&KeyInfo>) -> Step {
        let told: Vec<_> = told.into_iter().cloned().collect();
        align(std::slice::from_ref(known), &told, NOW).remove(0).1
    }

    #[test]
    fn what_was_begun_here_is_ended() {
        let live = key().info;
        let begun = |intent| KnownKey { intent: Some(intent), ..key() };
        let rotating = Intent::Rotating { rotation: 1, overlap_seconds: 60 };
        let rotated = |rotation| KeyInfo { rotation, ..live.clone() };
        assert_eq!(step(&begun(Intent::Making), None), Step::HandIn, "made, not told");
        assert_eq!(step(&begun(Intent::Making), Some(&live)), Step::Take(live.clone()), "told, the answer was lost");
        assert_eq!(step(&KnownKey { has_secret: false, ..begun(Intent::Making) }, None), Step::Forget, "begun, no secret made");
        let again = Step::Rotate { rotation: 1, overlap_seconds: 60 };
        assert_eq!(step(&begun(rotating), Some(&live)), again);
        assert_eq!(step(&begun(rotating), Some(&rotated(1))), again, "ours or another's: the relay knows");
        assert_eq!(step(&begun(rotating), Some(&rotated(2))), Step::DropRotation(rotated(2)));
        assert_eq!(step(&begun(Intent::Revoking), Some(&live)), Step::Revoke);
        assert_eq!(step(&begun(Intent::Revoking), None), Step::Keep);
    }

    #[test]
    fn nothing_that_was_revoked_comes_back() {
        let (live, revoked) = (key().info, KeyInfo { revoked_at: Some(NOW), ..key().info });
        let tombstone = KnownKey { info: revoked.clone(), has_secret: false, ..key() };
        assert_eq!(step(&tombstone, Some(&live)), Step::Revoke, "the relay was restored to an earlier state");
        assert_eq!(step(&tombstone, None), Step::Keep);
        for intent in [None, Some(Intent::Making), Some(Intent::Rotating { rotation: 1, overlap_seconds: 0 }), Some(Intent::Revoking)] {
            assert_eq!(step(&KnownKey { intent, ..key() }, Some(&revoked)), Step::TakeAndForgetSecret(revoked.clone()), "{intent:?}");
        }
    }

    #[test]
    fn what_was_changed_elsewhere_is_taken() {
        let renamed = KeyInfo { label: "b".to_owned(), ..key().info };
        assert_eq!(step(&key(), Some(&renamed)), Step::Take(renamed));
        let rotated = |end| KeyInfo { rotation: 1, previous_ends_at: Some(end), ..key().info };
        let (overlaps, over) = (rotated(UnixMillis(1_001)), rotated(NOW));
        assert_eq!(step(&key(), Some(&overlaps)), Step::Take(overlaps.clone()), "the old secret still signs");
        assert_eq!(step(&key(), Some(&over)), Step::TakeAndForgetSecret(over.clone()));
    }

    #[test]
    fn a_key_that_the_relay_has_lost_is_handed_in_by_who_has_its_secret() {
        assert_eq!(step(&key(), None), Step::HandIn);
        assert_eq!(step(&KnownKey { has_secret: false, ..key() }, None), Step::Forget);
        let stale = KnownKey { info: KeyInfo { rotation: 1, ..key().info }, ..key() };
        assert_eq!(step(&stale, None), Step::Forget, "its secret is not the last one");
    }
}
