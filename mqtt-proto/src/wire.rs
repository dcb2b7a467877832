//! The data types of section 1.5: reading, writing and checking them.

mod reader;
mod text;
mod var_int;
mod writer;

pub(crate) use reader::Reader;
pub(crate) use text::{has_nul, has_nul_or_wildcard};
pub(crate) use var_int::{VarInt, var_int_len};
pub(crate) use writer::{Writer, add_len, binary_len, text_len};
