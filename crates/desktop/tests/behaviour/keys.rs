//! API keys through a desktop's link.

use std::sync::Arc;

use desktop::{Keys, KeysError};
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
    keys.revoke(&made.key_id).await.unwrap();
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
