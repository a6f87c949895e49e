// What players see: the pools' amounts and the latest wins.

const WINS_INTERVAL = 2_000; // ms, where no pool tells of one

const POOLS = `
  SELECT pool, status, currency, current_amount AS amount, cycle
    FROM jackpot_ticker() WHERE status <> 'retired'`;
const WINS = `
  SELECT win_id AS id, at, pool, win_amount AS amount, user_id AS player, game_id AS game, cycle
    FROM jackpot.recent_wins WHERE status <> 'cancelled'`;

// Enough for winners to know themselves by, too little for anybody else.
export function mask(player) {
  const characters = [...(player ?? '')];
  return '•••' + (characters.length > 3 ? characters.slice(-3).join('') : '');
}

export const followPools = (database) => () => {
  let cycles;
  let winsAt = -Infinity;
  return async (publish) => {
    const pools = await database.rows(POOLS);
    publish('pools', pools);

    // A win starts a cycle.
    const cyclesNow = pools.map((pool) => `${pool.pool} ${pool.cycle}`).join();
    if (cyclesNow === cycles && performance.now() - winsAt < WINS_INTERVAL) return;
    const wins = await database.rows(WINS);
    publish('wins', wins.map((win) => ({ ...win, player: mask(win.player) })));
    cycles = cyclesNow;
    winsAt = performance.now();
  };
};
