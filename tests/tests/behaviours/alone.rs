//! Behaviours that change or count what belongs to the whole process: each in a process of its own.

mod leaking;
mod suspending;

macro_rules! suite {
    ($module:ident: $adapter:ty, $([$($promise:literal),*] $group:ident::$behaviour:ident;)*) => {
        mod $module {
            $(#[test]
            fn $behaviour() {
                let test = concat!("alone::", stringify!($module), "::", stringify!($behaviour));
                mqtt_tests::alone(test, super::$group::$behaviour::<$adapter>);
            })*
        }
    };
    ($($table:tt)*) => {
        suite! { tokio_current: mqtt_tests::adapter::TokioCurrent, $($table)* }
        suite! { tokio_multi: mqtt_tests::adapter::TokioMulti, $($table)* }
        suite! { smol: mqtt_tests::adapter::Smol, $($table)* }
        suite! { async_std: mqtt_tests::adapter::AsyncStd, $($table)* }
        suite! { blocking: mqtt_tests::adapter::Blocking, $($table)* }
        suite! { blocking_own_loop: mqtt_tests::adapter::OwnLoop, $($table)* }
    };
}

suite! {
    ["END-3"] leaking::no_task_thread_or_descriptor_stays_behind;
    ["LIVE-4"] suspending::a_suspended_machine_looks_at_its_connection;
}
