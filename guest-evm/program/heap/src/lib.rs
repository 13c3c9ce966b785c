//! The guest's allocator: a free list for each size class over memory that is handed out once, upwards.
//!
//! OpenVM offers two: one that never frees, which a block with enough calls of the identity precompile would exhaust,
//! and the linked list of the crate whose place this one takes, which searches. Here either operation is a few
//! instructions, and a block that was freed last is used first: memory that a segment has touched already costs its
//! proof nothing more.
#![no_std]

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr::null_mut,
};

/// Every block's size is a multiple of this, and so is its address: the alignment of the VM's field elements.
const UNIT: usize = 32;
/// Up to this size there is a class for every multiple of [`UNIT`], above it one for every power of two.
const FINE: usize = 1024;
const FINE_CLASSES: usize = FINE / UNIT;
const CLASSES: usize = FINE_CLASSES + usize::BITS as usize;

/// The allocator. Nothing can be allocated before [`init`](Self::init).
pub struct LlffHeap(UnsafeCell<State>);

struct State {
    /// The first free block of each class; a free block begins with the address of the next.
    free: [*mut u8; CLASSES],
    /// What lies from here to the end has never been handed out.
    top: usize,
    end: usize,
}

// SAFETY: the VM has one hart and no interrupts.
unsafe impl Sync for LlffHeap {}

/// A size class: its index among the free lists, and its blocks' size.
fn class(size: usize) -> (usize, usize) {
    if size <= FINE {
        let units = size.div_ceil(UNIT).max(1);
        (units - 1, units * UNIT)
    } else {
        // `Layout` bounds the size by isize::MAX, so the power is 2^31 at most, which is a usize.
        let block = size.next_power_of_two();
        (FINE_CLASSES + block.trailing_zeros() as usize, block)
    }
}

impl LlffHeap {
    /// An allocator without memory.
    #[must_use]
    pub const fn empty() -> Self {
        Self(UnsafeCell::new(State { free: [null_mut(); CLASSES], top: 0, end: 0 }))
    }

    /// Gives it `size` bytes from `start`.
    ///
    /// # Safety
    /// Once only, before any allocation; the memory must belong to nobody else, be zero, and end where the VM's does, at 2^29.
    pub unsafe fn init(&self, start: usize, size: usize) {
        let state = &mut *self.0.get();
        state.top = start.next_multiple_of(UNIT);
        state.end = start + size;
    }

    /// A block for the layout, and whether it is fresh, which means zero.
    ///
    /// # Safety
    /// As [`GlobalAlloc::alloc`].
    unsafe fn take(&self, layout: Layout) -> (*mut u8, bool) {
        let state = &mut *self.0.get();
        let (index, size) = class(layout.size());
        if layout.align() <= UNIT {
            let block = state.free[index];
            if !block.is_null() {
                state.free[index] = *block.cast::<*mut u8>();
                return (block, false);
            }
        }
        // No overflow: the top is 2^29 at most, and `Layout` bounds the alignment by 2^31. What does not fit below the end is
        // refused, and whoever asked for it ends the run (`handle_alloc_error`).
        let start = state.top.next_multiple_of(layout.align().max(UNIT));
        match start.checked_add(size) {
            Some(top) if top <= state.end => {
                state.top = top;
                (start as *mut u8, true)
            }
            _ => (null_mut(), false),
        }
    }
}

// SAFETY: blocks are disjoint, at least of the layout's size, and aligned to it: the top only grows, a free list has blocks
// of its class's size alone, and from none is taken what needs a larger alignment than all blocks have. A block's layout is
// always of the block's class: `realloc` keeps a block where the class stays, or where the block grows to the new one's size.
// What was never handed out is zero: so the VM's memory begins, and nobody else writes there.
unsafe impl GlobalAlloc for LlffHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.take(layout).0
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let state = &mut *self.0.get();
        let (index, _) = class(layout.size());
        *block.cast::<*mut u8>() = state.free[index];
        state.free[index] = block;
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (block, fresh) = self.take(layout);
        if !block.is_null() && !fresh {
            block.write_bytes(0, layout.size());
        }
        block
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let (_, size) = class(layout.size());
        let (_, wanted) = class(new_size);
        if wanted == size {
            return block;
        }
        let state = &mut *self.0.get();
        // The block below the top grows in place.
        if wanted > size && block as usize + size == state.top {
            if let Some(top) = (block as usize).checked_add(wanted).filter(|&top| top <= state.end) {
                state.top = top;
                return block;
            }
        }
        let new = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
        if !new.is_null() {
            core::ptr::copy_nonoverlapping(block, new, layout.size().min(new_size));
            self.dealloc(block, layout);
        }
        new
    }
}
