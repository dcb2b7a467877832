//! CONNECTs that brokers refuse.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mqtt_adapter_blocking::{
    CloseReason, ConnectChanges, ConnectError, Options, QoS, ReasonCode, SessionExpiry,
    VersionChoice,
};
use mqtt_tests::adapter::{Adapter, Client};

use crate::{Deviation, Row, Verdict, expect, numbered};

/// What `connect` says of a broker that refuses, and after how many attempts.
type Refused = (ReasonCode, u32);

pub(crate) fn wrong_credentials_are_refused<A: Adapter>(row: &Row<A>) -> Verdict {
    let (username, password) = row.broker.wrong_credentials;
    let refused = refused(row, row.options("client").username(username).password(password));
    let other = ((ReasonCode::NotAuthorized, 1), Deviation::NamesAnotherReason);
    expect("refused", &refused, &(ReasonCode::BadUserNameOrPassword, 1), &[other])
}

pub(crate) fn a_client_without_credentials_is_refused<A: Adapter>(row: &Row<A>) -> Verdict {
    let refused = refused(row, row.anonymous(&row.address(), "client"));
    let other = ((ReasonCode::BadUserNameOrPassword, 1), Deviation::NamesAnotherReason);
    expect("refused", &refused, &(ReasonCode::NotAuthorized, 1), &[other])
}

pub(crate) fn a_client_identifier_is_refused<A: Adapter>(row: &Row<A>) -> Verdict {
    let Some(client_id) = row.broker.refused_client_id else {
        return Deviation::TakesEveryClientIdentifier.seen("none is refused");
    };
    let narrow = row.narrow();
    let address = narrow.as_ref().map_or_else(|| row.address(), |broker| broker.address());
    let options = row.options_at(&address, "client").client_id(client_id);
    let refused = refused(row, options.session_expiry(SessionExpiry::Immediately));
    // Waiting may mend what has no name.
    let unnamed = ((ReasonCode::UnspecifiedError, ATTEMPTS), Deviation::NamesAnotherReason);
    expect("refused", &refused, &(ReasonCode::ClientIdentifierNotValid, 1), &[unnamed])
}

pub(crate) fn a_version_it_does_not_speak_is_refused<A: Adapter>(row: &Row<A>) -> Verdict {
    let Some(version) = row.broker.unspoken else {
        return Deviation::SpeaksEveryVersion.seen("none is refused");
    };
    let options = row.options("client").version(VersionChoice::Only(version));
    match connect(row, options) {
        (ConnectError::Refused(rejection), 1) => {
            assert_eq!(rejection.reason, ReasonCode::UnsupportedProtocolVersion);
            Ok(())
        }
        // It may as well be the network.
        (ConnectError::Closed { reason: CloseReason::NoConnAck, .. }, ATTEMPTS) => {
            Deviation::HangsUp.seen(format!("at a CONNECT of {version:?}"))
        }
        (error, attempts) => panic!("after {attempts}: {error}"),
    }
}

/// The first attempt has the wrong ones.
pub(crate) fn a_hook_has_credentials_for_each_attempt<A: Adapter>(row: &Row<A>) -> Verdict {
    let attempts = AtomicU32::new(0);
    let (username, password) = row.broker.wrong_credentials;
    let options = row.options("client").retry_initial_connect(true).connect_hook(move |_| {
        let is_first = attempts.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            let changes = ConnectChanges::new();
            Ok(if is_first { changes.username(username).password(password) } else { changes })
        }
    });
    let client = row.adapter.connect(options).unwrap();
    let stats = client.stats();
    assert_eq!((stats.connect_failures, stats.connects), (1, 1));
    client.publish(numbered(&row.topic("a"), 1, QoS::AtLeastOnce)).unwrap();
    client.disconnect();
    Ok(())
}

/// So many attempts are made where waiting may help.
const ATTEMPTS: u32 = 3;

/// How a CONNECT is refused. What waiting cannot mend takes one attempt.
fn refused<A: Adapter>(row: &Row<A>, options: Options) -> Refused {
    match connect(row, options) {
        (ConnectError::Refused(rejection), attempts) => (rejection.reason, attempts),
        (error, _) => panic!("a refusal expected, but {error}"),
    }
}

/// Why there is no connection, and after how many attempts.
fn connect<A: Adapter>(row: &Row<A>, options: Options) -> (ConnectError, u32) {
    let attempts = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&attempts);
    let options = options.connect_hook(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Ok(ConnectChanges::new()) }
    });
    let options = options.retry_initial_connect(true).stop_on_refusal(true);
    let options = options.max_attempts(NonZeroU32::new(ATTEMPTS - 1));
    let error = row.adapter.connect(options).err().expect("a refusal");
    (error, attempts.load(Ordering::Relaxed))
}
