//! `VersionChoice::Auto`.

use super::*;

const OLD: Version = Version::V3_1_1;

fn auto() -> SupervisorConfig {
    SupervisorConfig { version: VersionChoice::Auto, ..config() }
}

impl Run {
    /// Dials with this version, and the attempt fails.
    #[track_caller]
    fn fail_with(&mut self, version: Version, class: FailureClass) -> Retry {
        self.dial();
        assert_eq!(self.version, version);
        self.supervisor.handle_failed(self.now, class)
    }

    /// Dials with this version at once, and is connected.
    #[track_caller]
    fn connect_with(&mut self, version: Version) {
        assert_eq!(self.dial().0, Duration::ZERO);
        assert_eq!(self.version, version);
        self.supervisor.handle_connected(self.now);
    }

    #[track_caller]
    fn lose(&mut self) {
        self.supervisor.handle_failed(self.now, FailureClass::Dropped);
    }
}

/// Promises: VER-1
#[test]
fn a_broker_that_refuses_5_0_is_tried_with_3_1_1_at_once() {
    // Refused as what waiting cannot mend, which it is not.
    let mut run = Run::new(SupervisorConfig { stop_on_refusal: true, ..auto() }, 2);
    let retry = run.fail_with(Version::V5, FailureClass::VersionRefused);
    assert_eq!(retry, Retry::AtOnce);
    let (delay, target) = run.dial();
    assert_eq!((delay, target, run.version), (Duration::ZERO, Target::Listed(0), OLD));
    run.supervisor.handle_connected(run.now);
    run.lose();
    // And remembered.
    run.fail_with(OLD, FailureClass::Transient);
    run.fail_with(Version::V5, FailureClass::Transient);
    run.fail_with(OLD, FailureClass::Transient);
}

/// Promises: VER-1, LIVE-3
#[test]
fn one_that_refuses_both_is_retried_at_the_longest_delay() {
    let mut run = Run::new(auto(), 1);
    for _ in 0..2 {
        assert_eq!(run.fail_with(Version::V5, FailureClass::VersionRefused), Retry::AtOnce);
        let retry = run.fail_with(OLD, FailureClass::VersionRefused);
        assert_eq!(retry, Retry::Later(FailureClass::VersionRefused));
        assert_eq!(run.supervisor.delay.as_secs(), 30);
    }
}

/// Promises: VER-1
#[test]
fn two_closes_in_a_row_without_connack_are_a_refusal() {
    let mut run = Run::new(auto(), 2);
    // At once, so that a first connect that is not retried finds out as well.
    assert_eq!(run.fail_with(Version::V5, FailureClass::NoConnAck), Retry::AtOnce);
    assert_eq!(run.dial(), (Duration::ZERO, Target::Listed(0)));
    assert_eq!(run.version, Version::V5);
    run.supervisor.handle_failed(run.now, FailureClass::NoConnAck);
    assert_eq!(run.dial(), (Duration::ZERO, Target::Listed(0)));
    assert_eq!(run.version, OLD);
    run.supervisor.handle_connected(run.now);
    run.lose();
    run.fail_with(OLD, FailureClass::Transient);
    // Something else in between ends the row.
    for class in [FailureClass::Transient, FailureClass::Permanent] {
        run.supervisor.set_brokers(1);
        assert_eq!(run.fail_with(Version::V5, FailureClass::NoConnAck), Retry::AtOnce);
        assert_eq!(run.fail_with(Version::V5, class), Retry::Later(class));
    }
    assert_eq!(run.fail_with(Version::V5, FailureClass::NoConnAck), Retry::AtOnce);
    run.connect_with(Version::V5);
}

/// Promises: VER-1, LIVE-2
#[test]
fn one_that_closes_whatever_it_gets_is_retried_with_growing_delays() {
    let mut run = Run::new(auto(), 1);
    for delay in [1, 2, 4] {
        assert_eq!(run.fail_with(Version::V5, FailureClass::NoConnAck), Retry::AtOnce);
        assert_eq!(run.fail_with(Version::V5, FailureClass::NoConnAck), Retry::AtOnce);
        let retry = run.fail_with(OLD, FailureClass::NoConnAck);
        assert_eq!(retry, Retry::Later(FailureClass::NoConnAck));
        assert_eq!(run.supervisor.delay.as_secs(), delay);
    }
}

/// Promises: VER-1, LIVE-5
#[test]
fn where_a_broker_redirects_to_is_another_broker() {
    let mut run = Run::new(SupervisorConfig { follow_redirects: true, ..auto() }, 1);
    run.connect_with(Version::V5);
    assert!(run.supervisor.handle_redirect(run.now, Redirect::Once));
    run.lose();
    assert_eq!(run.fail_with(Version::V5, FailureClass::VersionRefused), Retry::AtOnce);
    assert_eq!(run.dial(), (Duration::ZERO, Target::Redirect));
    assert_eq!(run.version, OLD);
    run.supervisor.handle_connected(run.now);
    run.lose();
    assert_eq!((run.dial().1, run.version), (Target::Listed(0), Version::V5));
}

/// Promises: VER-1
#[test]
fn a_version_that_was_accepted_is_not_doubted() {
    let mut run = Run::new(auto(), 1);
    run.connect_with(Version::V5);
    run.lose();
    for _ in 0..5 {
        run.fail_with(Version::V5, FailureClass::NoConnAck);
    }
    // Until the broker says so.
    assert_eq!(run.fail_with(Version::V5, FailureClass::VersionRefused), Retry::AtOnce);
    run.connect_with(OLD);
    run.lose();
    run.fail_with(OLD, FailureClass::VersionRefused);
    run.fail_with(Version::V5, FailureClass::Transient);
}

/// Promises: VER-1
#[test]
fn a_new_list_is_nothing_known_of() {
    let mut run = Run::new(auto(), 1);
    run.fail_with(Version::V5, FailureClass::VersionRefused);
    run.connect_with(OLD);
    run.supervisor.set_brokers(1);
    run.lose();
    run.dial();
    assert_eq!(run.version, Version::V5);
    // What the one of the old list refuses is not asked of the new one either.
    run.supervisor.set_brokers(1);
    let retry = run.supervisor.handle_failed(run.now, FailureClass::VersionRefused);
    assert_eq!(retry, Retry::Later(FailureClass::VersionRefused));
    assert_eq!((run.dial().1, run.version), (Target::Listed(0), Version::V5));
}

/// Promises: VER-1
#[test]
fn brokers_beyond_those_remembered_are_asked_each_time() {
    let mut run = Run::new(auto(), 65);
    for _ in 0..64 {
        run.fail_with(Version::V5, FailureClass::Transient);
    }
    for _ in 0..2 {
        assert_eq!(run.dial().1, Target::Listed(64));
        assert_eq!(run.version, Version::V5);
        let retry = run.supervisor.handle_failed(run.now, FailureClass::VersionRefused);
        assert_eq!(retry, Retry::AtOnce);
        run.connect_with(OLD);
        run.lose();
    }
}

/// Promises: VER-1
#[test]
fn the_only_version_is_the_only_one() {
    for version in [Version::V5, OLD] {
        let config = SupervisorConfig { version: VersionChoice::Only(version), ..config() };
        let mut run = Run::new(config, 1);
        for class in [FailureClass::VersionRefused, FailureClass::NoConnAck].repeat(2) {
            assert_eq!(run.fail_with(version, class), Retry::Later(class));
        }
        let mut run = Run::new(SupervisorConfig { stop_on_refusal: true, ..config }, 1);
        let retry = run.fail_with(version, FailureClass::VersionRefused);
        assert_eq!(retry, Retry::Never(FailureClass::VersionRefused));
    }
}
