//! Connections that break at random, for as long as asked: nothing is lost, repeated or out of order.
//!
//! `cargo xtask soak --seconds 600 --seed 1`

#![allow(clippy::print_stdout, reason = "it tells what came through")]

mod broker_log;
mod faults;
mod lane;

use std::env;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use mqtt_adapter_blocking::Version;
use mqtt_testkit::Mosquitto;
use mqtt_tests::Trial;
use mqtt_tests::adapter::{Blocking, TokioMulti};

use broker_log::BrokerLog;
use lane::Tally;

/// How long, in seconds, and where the faults are drawn from.
const SECONDS: &str = "MQTT_SOAK_SECONDS";
const SEED: &str = "MQTT_SOAK_SEED";

/// How long what is on its way may take once the network is quiet.
const QUIET: Duration = Duration::from_secs(100);

/// QoS 1 at least once, QoS 2 exactly once, both in order, in both versions, through both adapters.
///
/// Promises: SEND-2, SEND-5, RES-1, RECV-1, RECV-3, LIVE-1, LIVE-2
#[test]
fn nothing_is_lost_repeated_or_out_of_order() {
    let time = Duration::from_secs(variable(SECONDS, 10));
    let seed = variable(SEED, 1);
    Trial::run_within(time + QUIET, move |_| {
        // With a limit before 5.0 it changes the order of what waits behind it.
        let log = BrokerLog::new();
        let lines = ["max_inflight_messages 0", &log.configuration()];
        let broker = Mosquitto::start_with(&lines).expect("a broker");
        let address = broker.address().to_string();
        let until = Instant::now() + time;
        let tallies = thread::scope(|scope| {
            let versions = [(Version::V5, seed), (Version::V3_1_1, !seed)];
            let lanes = versions.map(|(version, seed)| {
                let address = &address;
                scope.spawn(move || match version {
                    Version::V5 => lane::run::<TokioMulti, Blocking>(address, version, seed, until),
                    _ => lane::run::<Blocking, TokioMulti>(address, version, seed, until),
                })
            });
            lanes.map(|lane| lane.join().expect("a lane that passes"))
        });
        println!("soak of {} s, seed {seed}", time.as_secs());
        for tally in tallies {
            println!("{tally}");
            tally.check_copies(&log);
            assert!(tally.struck_enough(time), "too few faults struck");
        }
    });
}

fn variable<T: FromStr>(name: &str, otherwise: T) -> T {
    match env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is no number: {value}")),
        Err(_) => otherwise,
    }
}

impl Tally {
    /// A run without faults shows nothing.
    fn struck_enough(&self, time: Duration) -> bool {
        let least = time.as_secs() / 4;
        self.faults.cuts >= least && self.resumed >= least && self.numbers.total() > 0
    }
}
