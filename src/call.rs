//! The calls that there are: what is counted, what errors and the record name.

/// Declares the calls: their variants and their names, which are those of the functions without
/// `jackpot_`.
macro_rules! calls {
    ($($(#[$meta:meta])* $variant:ident = $name:literal,)*) => {
        /// A function of the SQL surface, or work of the worker. Those that move money stand first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Call {
            $($(#[$meta])* $variant,)*
        }

        impl Call {
            /// All of them, in their order.
            pub const ALL: &'static [Call] = &[$(Call::$variant,)*];

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Call::$variant => $name,)*
                }
            }
        }
    };
}

calls! {
    /// `jackpot_contribute()`
    Contribute = "contribute",
    /// `jackpot_spin()`
    Spin = "spin",
    /// `jackpot_win()`
    Win = "win",
    /// `jackpot_contribute_batch()`
    ContributeBatch = "contribute_batch",
    /// `jackpot_contribute_arrays()`
    ContributeArrays = "contribute_arrays",
    /// `jackpot_spin_arrays()`
    SpinArrays = "spin_arrays",
    /// `jackpot_win_batch()`
    WinBatch = "win_batch",
    /// `jackpot_process_inbox()`
    ProcessInbox = "process_inbox",
    /// `jackpot_enqueue_contribution()`
    EnqueueContribution = "enqueue_contribution",
    /// `jackpot_enqueue_spin()`
    EnqueueSpin = "enqueue_spin",
    /// `jackpot_enqueue_win()`
    EnqueueWin = "enqueue_win",
    /// `jackpot_void()`
    Void = "void",
    /// `jackpot_process_queue()`, and what the worker does of it
    ProcessQueue = "process_queue",
    /// `jackpot_settle()`, and what the worker does of it
    Settle = "settle",
    /// `jackpot_confirm_win()`
    ConfirmWin = "confirm_win",
    /// `jackpot_cancel_win()`
    CancelWin = "cancel_win",
    /// `jackpot_create_pool()`
    CreatePool = "create_pool",
    /// `jackpot_update_config()`
    UpdateConfig = "update_config",
    /// `jackpot_pause()`
    Pause = "pause",
    /// `jackpot_resume()`
    Resume = "resume",
    /// `jackpot_retire()`
    Retire = "retire",
    /// `jackpot_transfer()`
    Transfer = "transfer",
    /// `jackpot_adjust()`
    Adjust = "adjust",
    /// `jackpot_set_exchange_rate()`
    SetExchangeRate = "set_exchange_rate",
    /// `jackpot_set_rate_limit()`
    SetRateLimit = "set_rate_limit",
    /// `jackpot_requeue()`
    Requeue = "requeue",
    /// `jackpot_discard()`
    Discard = "discard",
    /// `jackpot_migrate()`
    Migrate = "migrate",
    /// `jackpot_import_table()`
    ImportTable = "import_table",
    /// `jackpot_rollback()`
    Rollback = "rollback",
    /// `jackpot_pools()`
    Pools = "pools",
    /// `jackpot_pool()`
    Pool = "pool",
    /// `jackpot_rules()`
    Rules = "rules",
    /// `jackpot_ticker()`
    Ticker = "ticker",
    /// What the extension asks itself; not counted.
    Observe = "observe",
}

impl Call {
    /// Whether it moves players' money: what rates of calls and errors speak of.
    pub fn moves_money(self) -> bool {
        self <= Call::Void
    }

    /// Whether it is counted.
    pub fn is_counted(self) -> bool {
        self != Call::Observe
    }
}
