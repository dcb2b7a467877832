//! One shape for the enums whose values and names are tables of the standard.

/// Defines a `repr(u8)` enum with `from_u8` and a `Display` in the standard's words.
macro_rules! wire_enum {
    (
        $(#[$attribute:meta])*
        pub enum $enum:ident {
            $($value:literal $variant:ident $name:literal,)*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $enum {
            $(#[doc = $name] $variant = $value,)*
        }

        impl $enum {
            /// `None` for a value the standard does not define.
            #[inline]
            pub fn from_u8(value: u8) -> Option<Self> {
                // A table costs a load; matching would be a jump to each variant.
                const BY_VALUE: [Option<$enum>; 256] = $enum::by_value();
                BY_VALUE.get(usize::from(value)).copied().flatten()
            }

            const fn by_value() -> [Option<Self>; 256] {
                let mut table = [None; 256];
                $(table[$value] = Some(Self::$variant);)*
                table
            }

            /// The value on the wire.
            #[inline]
            pub const fn to_u8(self) -> u8 {
                self as u8
            }
        }

        impl core::fmt::Display for $enum {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $name,)*
                })
            }
        }
    };
}

pub(crate) use wire_enum;
