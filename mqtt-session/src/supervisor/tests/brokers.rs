//! Several brokers, and redirects.

use super::*;

fn following() -> SupervisorConfig {
    SupervisorConfig { follow_redirects: true, ..config() }
}

impl Run {
    /// Dials this, at once.
    #[track_caller]
    fn expect(&mut self, target: Target) {
        assert_eq!(self.dial(), (Duration::ZERO, target));
    }

    /// The broker redirects instead of answering.
    #[track_caller]
    fn redirect(&mut self, redirect: Redirect) {
        assert!(self.supervisor.handle_redirect(self.now, redirect));
        let retry = self.supervisor.handle_failed(self.now, FailureClass::Transient);
        assert_eq!(retry, Retry::AtOnce);
    }

    /// The broker of the list that is dialled, and fails.
    #[track_caller]
    fn failed(&mut self) -> Target {
        let (_, target) = self.dial();
        let retry = self.supervisor.handle_failed(self.now, FailureClass::Transient);
        assert_eq!(retry, Retry::Later(FailureClass::Transient));
        target
    }
}

/// Promises: LIVE-5
#[test]
fn brokers_rotate_on_failure_and_stick_on_success() {
    let mut run = Run::new(config(), 3);
    let failed = [run.failed(), run.failed(), run.failed(), run.failed()];
    assert_eq!(failed, [0, 1, 2, 0].map(Target::Listed));
    for _ in 0..3 {
        let (_, target) = run.dial();
        assert_eq!(target, Target::Listed(1));
        run.supervisor.handle_connected(run.now);
        run.supervisor.handle_failed(run.now, FailureClass::Transient);
    }
}

/// Promises: LIVE-5
#[test]
fn a_new_list_begins_with_its_first_broker() {
    let mut run = Run::new(config(), 3);
    run.failed();
    // While it waits.
    run.supervisor.set_brokers(2);
    assert_eq!([run.failed(), run.failed()], [0, 1].map(Target::Listed));
    // While it dials: what that comes to says nothing about the new ones.
    run.dial();
    run.supervisor.set_brokers(4);
    run.supervisor.handle_failed(run.now, FailureClass::Transient);
    assert_eq!([run.failed(), run.failed()], [0, 1].map(Target::Listed));
    // While it is connected.
    run.dial();
    run.supervisor.handle_connected(run.now);
    run.supervisor.set_brokers(1);
    assert_eq!(run.supervisor.poll(run.now), Action::Busy);
    run.supervisor.handle_failed(run.now, FailureClass::Transient);
    assert_eq!(run.dial().1, Target::Listed(0));
}

/// Promises: LIVE-5
#[test]
fn a_redirect_is_for_the_next_attempt_only() {
    let mut run = Run::new(following(), 2);
    run.failed();
    assert_eq!(run.dial().1, Target::Listed(1));
    run.redirect(Redirect::Once);
    run.expect(Target::Redirect);
    run.supervisor.handle_connected(run.now);
    run.supervisor.handle_failed(run.now, FailureClass::Transient);
    // The one that redirected has not failed: it is still its turn.
    assert_eq!(run.dial().1, Target::Listed(1));
    run.supervisor.handle_connected(run.now);
    run.redirect(Redirect::Once);
    run.expect(Target::Redirect);
    run.supervisor.handle_failed(run.now, FailureClass::Transient);
    assert_eq!(run.dial().1, Target::Listed(1));
}

/// Promises: LIVE-5
#[test]
fn a_broker_that_moved_replaces_the_list() {
    let mut run = Run::new(following(), 2);
    run.failed();
    run.dial();
    run.redirect(Redirect::Moved { brokers: 3 });
    run.expect(Target::Listed(0));
    run.supervisor.handle_failed(run.now, FailureClass::Transient);
    assert_eq!([run.failed(), run.failed(), run.failed()], [1, 2, 0].map(Target::Listed));
}

/// What the owner says is newer than what a broker of the old list says.
///
/// Promises: LIVE-5
#[test]
fn a_redirect_does_not_replace_a_newer_list() {
    let cases = [
        |run: &mut Run| run.supervisor.set_brokers(2),
        |run: &mut Run| {
            run.supervisor.set_brokers(2);
            run.supervisor.handle_connected(run.now);
        },
        |run: &mut Run| {
            run.supervisor.handle_connected(run.now);
            run.supervisor.set_brokers(2);
        },
    ];
    for redirect in [Redirect::Once, Redirect::Moved { brokers: 7 }] {
        for replace in cases {
            let mut run = Run::new(following(), 3);
            run.failed();
            run.dial();
            replace(&mut run);
            assert!(!run.supervisor.handle_redirect(run.now, redirect));
            let retry = run.supervisor.handle_failed(run.now, FailureClass::Transient);
            assert_eq!(retry, Retry::Later(FailureClass::Transient));
            assert_eq!([run.failed(), run.failed()], [0, 1].map(Target::Listed));
            // A broker of the new list is believed.
            run.dial();
            run.redirect(redirect);
        }
    }
}

/// Promises: LIVE-5
#[test]
fn at_most_five_redirects_in_a_row_are_followed() {
    let mut run = Run::new(following(), 1);
    for round in 0..2 {
        run.dial();
        for _ in 0..5 {
            run.redirect(Redirect::Once);
            run.expect(Target::Redirect);
            // That one accepts before it redirects makes no difference.
            run.supervisor.handle_connected(run.now);
        }
        assert!(!run.supervisor.handle_redirect(run.now, Redirect::Once));
        let retry = run.supervisor.handle_failed(run.now, FailureClass::Transient);
        assert_eq!(retry, Retry::Later(FailureClass::Transient), "round {round}");
    }
    // Those of connections that lasted are not in a row.
    run.dial();
    for _ in 0..10 {
        run.supervisor.handle_connected(run.now);
        run.now = run.now.after(LASTING);
        run.redirect(Redirect::Once);
        run.expect(Target::Redirect);
    }
}

/// Promises: LIVE-5
#[test]
fn redirects_are_followed_only_when_asked_for() {
    let mut run = Run::new(config(), 2);
    run.dial();
    assert!(!run.supervisor.handle_redirect(run.now, Redirect::Moved { brokers: 7 }));
    run.supervisor.handle_failed(run.now, FailureClass::Transient);
    assert_eq!([run.failed(), run.failed()], [1, 0].map(Target::Listed));
}

/// Promises: LIVE-5
#[test]
fn nothing_is_followed_that_is_not_under_way() {
    let mut run = Run::new(SupervisorConfig { reconnect: false, ..following() }, 1);
    assert!(!run.supervisor.handle_redirect(run.now, Redirect::Once));
    run.dial();
    // The first connection is still being made.
    run.redirect(Redirect::Once);
    run.expect(Target::Redirect);
    run.supervisor.handle_connected(run.now);
    assert!(!run.supervisor.handle_redirect(run.now, Redirect::Once));
    run.supervisor.handle_failed(run.now, FailureClass::Transient);
    assert_eq!(run.supervisor.poll(run.now), Action::Stopped);
    assert!(!run.supervisor.handle_redirect(run.now, Redirect::Once));
}
