//! API keys through a desktop's link.

use std::sync::Arc;

use desktop::{Intent, Keys, KeysError};
use protocol::{Environment, KeyId, ProblemCode, SystemClock};

use crate::Stage;

#[tokio::test]
async fn a_key_is_made_here_and_its_secret_kept_here() {
    let stage = Stage::new().await;
    let desktop = stage.desktop().await;
    let made = desktop.keys().unwrap().create(Environment::Test, "a script").await.unwrap();
    assert_eq!(made.key_id.environment(), Environment::Test);
    stage.relay.seen(|seen| {
        assert_eq!(
            (&seen.new_keys[0].key_id, &seen.new_keys[0].secret, seen.new_keys[0].label.as_str()),
            (&made.key_id, &made.secret, "a script")
        );
    });
    desktop.shutdown().await;

    let keys = Keys::open(stage.folder.path(), None, Arc::new(SystemClock)).unwrap();
    assert_eq!(keys.secret(&made.key_id).unwrap(), Some(made.secret));
    assert!(keys.revoke(&made.key_id).await.unwrap().revoked_at.is_some());
    assert_eq!(keys.secret(&made.key_id).unwrap(), None);
    stage.relay.seen(|seen| assert_eq!(seen.revoked, [made.key_id.to_string()]));
}

#[tokio::test]
async fn a_key_that_the_relay_refused_leaves_no_secret_behind() {
    let stage = Stage::new().await;
    let desktop = stage.desktop().await;
    let keys = desktop.keys().unwrap();
    stage.relay.next_new_key(Some(ProblemCode::InvalidPayload));
    let refused = keys.create(Environment::Live, "").await.unwrap_err();
    assert!(matches!(&refused, KeysError::Relay(error) if error.is(ProblemCode::InvalidPayload)), "{refused}");
    let tried = stage.relay.seen(|seen| seen.new_keys[0].key_id.clone());
    assert_eq!(keys.secret(&tried).unwrap(), None);
    assert_eq!(keys.secret(&KeyId::generate(Environment::Live)).unwrap(), None);
    desktop.shutdown().await;
}

#[tokio::test]
async fn a_key_that_the_relay_may_have_keeps_its_secret() {
    let stage = Stage::new().await;
    let desktop = stage.desktop().await;
    let keys = desktop.keys().unwrap();
    stage.relay.next_new_key(Some(ProblemCode::OutcomeUnknown));
    let made = keys.create(Environment::Live, "").await.unwrap();
    stage.relay.seen(|seen| {
        assert_eq!(seen.new_keys.len(), 2, "the same once more settles it");
        assert!(seen.new_keys.iter().all(|key| (&key.key_id, &key.secret) == (&made.key_id, &made.secret)));
    });
    assert_eq!(keys.secret(&made.key_id).unwrap(), Some(made.secret));

    for ends_with in [ProblemCode::Internal, ProblemCode::InvalidPayload] {
        for code in [ProblemCode::OutcomeUnknown, ProblemCode::Internal, ends_with] {
            stage.relay.next_new_key(Some(code));
        }
        keys.create(Environment::Live, "").await.unwrap_err();
        let (tried, secret) = stage.relay.seen(|seen| seen.new_keys.last().map(|key| (key.key_id.clone(), key.secret.clone())).unwrap());
        assert_eq!(keys.secret(&tried).unwrap(), Some(secret), "{ends_with}: the first try may have made it");
    }
    desktop.shutdown().await;
}

#[tokio::test]
async fn without_a_linked_desktop_there_are_no_keys() {
    let folder = tempfile::tempdir().unwrap();
    let error = Keys::open(folder.path(), None, Arc::new(SystemClock)).unwrap_err();
    assert!(matches!(error, KeysError::NotLinked(_)), "{error}");
}

/// The inventory through the same folder, as a later command opens it.
fn later(stage: &Stage) -> Keys {
    Keys::open(stage.folder.path(), None, Arc::new(SystemClock)).unwrap()
}

/// Gives a command up as soon as the relay has seen `what`: on disk is then what SIGKILL leaves.
async fn killed_once<T>(stage: &Stage, what: &str, command: impl Future<Output = T>, seen: impl FnMut(&crate::relay::Seen) -> bool) {
    tokio::select! {
        _ = command => {}
        () = stage.relay.until(what, seen) => {}
    }
}

#[tokio::test]
async fn a_key_whose_making_was_broken_off_is_made_by_the_next_command() {
    let stage = Stage::new().await;
    stage.desktop().await.shutdown().await;
    for told in [false, true] {
        stage.relay.change_keys(Vec::clear);
        let before = stage.relay.seen(|seen| seen.new_keys.len());
        if told {
            stage.relay.lose_next_key_answer();
        } else {
            stage.relay.next_new_key(Some(ProblemCode::Overloaded));
        }
        let keys = later(&stage);
        killed_once(&stage, "the key is told", keys.create(Environment::Live, "broken off"), |seen| seen.new_keys.len() > before).await;
        let tried = stage.relay.seen(|seen| seen.new_keys.last().map(|key| (key.key_id.clone(), key.secret.clone())).unwrap());
        assert_eq!(stage.relay.keys().len(), usize::from(told));

        let listed = later(&stage).list().await.unwrap();
        let key = listed.iter().find(|key| key.info.key_id == tried.0).unwrap();
        assert_eq!((key.intent, key.has_secret, key.shown), (None, true, false), "told: {told}");
        assert_eq!(stage.relay.keys().iter().filter(|key| key.key_id == tried.0).count(), 1);
        assert_eq!(later(&stage).show_secret(&tried.0).await.unwrap(), tried.1, "nobody has seen it yet");
        assert!(later(&stage).show_secret(&tried.0).await.is_err(), "shown once");
    }
}

#[tokio::test]
async fn a_rotation_that_was_broken_off_is_ended_with_the_same_secret() {
    let stage = Stage::new().await;
    stage.desktop().await.shutdown().await;
    for lost in [false, true] {
        let made = later(&stage).create(Environment::Live, "rotates").await.unwrap();
        let before = stage.relay.seen(|seen| seen.rotated.len());
        if lost {
            stage.relay.lose_next_key_answer();
        } else {
            stage.relay.next_new_key(Some(ProblemCode::Overloaded));
        }
        let keys = later(&stage);
        killed_once(&stage, "the rotation is told", keys.rotate(&made.key_id, 60), |seen| seen.rotated.len() > before).await;
        let key = later(&stage).list().await.unwrap().into_iter().find(|key| key.info.key_id == made.key_id).unwrap();
        assert_eq!((key.intent, key.info.rotation, key.secret_rotation, key.shown), (None, 1, 1, false), "lost: {lost}");
        let told = stage.relay.seen(|seen| seen.rotated.last().map(|rotate| rotate.secret.clone()).unwrap());
        assert_eq!(later(&stage).secret(&made.key_id).unwrap(), Some(told.clone()));
        assert_ne!(told, made.secret);
    }
}

#[tokio::test]
async fn a_revocation_that_could_not_be_told_is_told_later() {
    let stage = Stage::new().await;
    stage.desktop().await.shutdown().await;
    let made = later(&stage).create(Environment::Live, "goes").await.unwrap();
    for _ in 0..3 {
        stage.relay.next_new_key(Some(ProblemCode::Overloaded));
    }
    later(&stage).revoke(&made.key_id).await.unwrap_err();
    assert_eq!(later(&stage).known().unwrap()[0].intent, Some(Intent::Revoking));
    let key = later(&stage).list().await.unwrap().remove(0);
    assert!(key.info.revoked_at.is_some() || stage.relay.keys()[0].revoked_at.is_some());
    assert!(later(&stage).list().await.unwrap()[0].info.revoked_at.is_some());
    assert_eq!(later(&stage).secret(&made.key_id).unwrap(), None);
}

#[tokio::test]
async fn nothing_that_was_revoked_comes_back_and_nothing_that_lives_is_lost() {
    let stage = Stage::new().await;
    stage.desktop().await.shutdown().await;
    let (gone, lives) =
        (later(&stage).create(Environment::Live, "gone").await.unwrap(), later(&stage).create(Environment::Live, "lives").await.unwrap());
    later(&stage).revoke(&gone.key_id).await.unwrap();
    // The relay is restored to a state from before the revocation and the second key.
    stage.relay.change_keys(|keys| {
        keys.retain(|key| key.key_id == gone.key_id);
        keys[0].revoked_at = None;
    });
    later(&stage).list().await.unwrap();
    let restored = stage.relay.keys();
    let of = |key_id: &KeyId| restored.iter().find(|key| key.key_id == *key_id).unwrap();
    assert!(of(&gone.key_id).revoked_at.is_some(), "revoked again");
    assert!(of(&lives.key_id).revoked_at.is_none(), "handed in again");
    assert_eq!(later(&stage).secret(&lives.key_id).unwrap(), Some(lives.secret));
}

#[tokio::test]
async fn a_running_desktop_takes_what_was_changed_elsewhere_with_its_next_pull() {
    let stage = Stage::new().await;
    let desktop = stage.desktop().await;
    let made = desktop.keys().unwrap().create(Environment::Live, "a").await.unwrap();
    stage.relay.change_keys(|keys| keys[0].revoked_at = Some(keys[0].created_at));
    for _ in 0..2 {
        stage.relay.next_pull(crate::relay::Reply::Empty);
    }
    let began = std::time::Instant::now();
    while later(&stage).secret(&made.key_id).unwrap().is_some() {
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "the secret of a revoked key is still here");
        tokio::task::yield_now().await;
    }
    assert!(later(&stage).known().unwrap()[0].info.revoked_at.is_some());
    desktop.shutdown().await;
}
