//! Shared memory that starts as zeros: too much of it to be made on the stack and copied.

use pgrx::pg_sys;
use pgrx::shmem::{PGRXSharedMemory, PgSharedMemoryInitialization};
use std::cell::UnsafeCell;
use std::ffi::CStr;

/// A value in shared memory; absent without preloading.
pub struct Zeroed<T> {
    name: &'static CStr,
    place: UnsafeCell<*mut T>,
}

/// A value for which all bits zero is valid, and which can be shared between processes.
///
/// # Safety
///
/// It consists of atomic numbers.
pub unsafe trait OfAtomics {}

// SAFETY: the pointer is written once, before any other process exists.
unsafe impl<T: OfAtomics> Sync for Zeroed<T> {}

/// What goes by the way of pgrx to the memory: nothing, as zeros need no value.
#[derive(Default)]
pub struct Nothing;

// SAFETY: it has no content.
unsafe impl PGRXSharedMemory for Nothing {}

impl<T: OfAtomics> Zeroed<T> {
    /// Of a name that no other shared memory has.
    pub const fn new(name: &'static CStr) -> Self {
        Zeroed { name, place: UnsafeCell::new(std::ptr::null_mut()) }
    }

    /// The value, where the library is preloaded.
    pub fn get(&self) -> Option<&T> {
        // SAFETY: null, or points to a value that lives as long as the server.
        unsafe { (*self.place.get()).as_ref() }
    }
}

impl<T: OfAtomics> PgSharedMemoryInitialization for Zeroed<T> {
    type Value = Nothing;

    unsafe fn on_shmem_request(&'static self) {
        // SAFETY: called from the hook.
        unsafe { pg_sys::RequestAddinShmemSpace(size_of::<T>()) };
    }

    unsafe fn on_shmem_startup(&'static self, _nothing: Nothing) {
        // SAFETY: called from the hook; the lock is AddinShmemInitLock, as PostgreSQL asks for.
        // What is found there is another process's, and no longer to be touched.
        unsafe {
            let lock = &raw mut (*pg_sys::MainLWLockArray.add(21)).lock;
            pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE);
            let mut found = false;
            let place =
                pg_sys::ShmemInitStruct(self.name.as_ptr(), size_of::<T>(), &mut found).cast::<T>();
            if !found {
                std::ptr::write_bytes(place, 0, 1);
            }
            *self.place.get() = place;
            pg_sys::LWLockRelease(lock);
        }
    }
}
