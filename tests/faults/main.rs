//! A kill, a power cut, a full or failing disk, or somebody's hand in the folder would lose packets, show wrong ones, be
//! felt by the PBX, or stay unsaid, if the ring did not keep its promises about faults.
//!
//! Each scenario is a host process of its own that opens the real library; this program starts itself again for it.

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod child;
mod folder;
mod full;
mod kill;
mod lost;
mod mount;
mod pbx;
mod power;
mod refused;
mod ring;
