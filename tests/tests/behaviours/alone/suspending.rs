//! The machine is suspended: its clock goes on, and all that the process waits for stands still.

use std::time::Duration;

use mqtt_adapter_blocking::ReasonCode;
use mqtt_client::Clock;
use mqtt_proto::Packet;
use mqtt_tests::adapter::{Adapter, Client};
use mqtt_tests::{Signal, Trial};

use crate::{options, qos1};

const HOUR: Duration = Duration::from_secs(3600);

/// PINGREQ leaves hours before the timers of the runtime would have said so.
pub(super) fn a_suspended_machine_looks_at_its_connection<A: Adapter>() {
    Trial::run(|trial| {
        let pinged = Signal::new();
        let seen = pinged.clone();
        let peer = trial.peer(move |broker| {
            let mut connection = broker.open(false);
            connection.take_qos1("awake");
            connection.expect_pingreq();
            connection.send(&Packet::PingResp);
            seen.raise();
            connection.expect_disconnect(ReasonCode::NormalDisconnection);
        });
        let client = A::start().connect(options(&peer).keep_alive(12 * HOUR)).unwrap();
        client.publish(qos1("awake")).unwrap();
        Clock::suspend(24 * HOUR);
        client.run_until(&pinged);
        client.disconnect();
    });
}
