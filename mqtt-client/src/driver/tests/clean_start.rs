use std::time::Duration;

use mqtt_session::proto::{ReasonCode, Version};

use super::packets::connack;
use super::world::World;

const SECOND: Duration = Duration::from_secs(1);
const OK: ReasonCode = ReasonCode::Success;

/// The connection is lost, and the next one begins with this.
#[track_caller]
fn expect_next(world: &mut World, connect: &str) {
    let connections = world.connections();
    world.cut();
    while world.connections() == connections {
        world.advance(SECOND);
    }
    assert_eq!(world.sent(), [connect]);
}

/// CON-3: once, for what comes next.
#[test]
fn a_reset_makes_the_next_connect_clean() {
    let mut world = World::connected(|options| options);
    world.client().reset_session();
    assert!(world.sent().is_empty(), "the connection stays as it is");
    expect_next(&mut world, "CONNECT clean=true");
    // It was not accepted: the session may still be there.
    expect_next(&mut world, "CONNECT clean=true");
    world.reply(&connack(false, OK));
    expect_next(&mut world, "CONNECT clean=false");
}

/// CON-3: one that is on its way is another's.
#[test]
fn a_reset_does_not_count_for_a_connect_sent_before() {
    let mut world = World::new(|options| options.clean_start(false));
    assert_eq!(world.sent(), ["CONNECT clean=false"]);
    world.client().reset_session();
    world.reply(&connack(false, OK));
    expect_next(&mut world, "CONNECT clean=true");
}

/// CON-3: as often as it was asked for.
#[test]
fn every_connect_may_be_clean() {
    let mut world = World::connected(|options| options.clean_start_on_reconnect(true));
    for _ in 0..3 {
        expect_next(&mut world, "CONNECT clean=true");
        world.reply(&connack(false, OK));
    }
}

/// CON-3, VER-1: before 5.0 it takes a connection of its own, under the name the session has.
#[test]
fn before_5_0_a_reset_is_a_connection_of_its_own() {
    for client_id in ["given", ""] {
        let options = |options: crate::Options| {
            options.version(Version::V3_1_1).clean_start(false).client_id(client_id)
        };
        let mut world = World::connected(options);
        let name = world.client().client_id();
        world.client().reset_session();
        world.cut();
        world.advance(2 * SECOND);
        for clean in [true, false] {
            let connect = world.pipe().take_sent();
            assert!(connect.ends_with(name.as_bytes()), "{connect:?}");
            world.pipe().put_back(connect);
            assert_eq!(world.sent(), [format!("CONNECT clean={clean}")]);
            world.reply(&connack(false, OK));
            if clean {
                assert_eq!(world.sent(), ["DISCONNECT 0x00"]);
                world.cut();
            }
        }
        expect_next(&mut world, "CONNECT clean=false");
    }
}
