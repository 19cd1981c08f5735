"""Words that carry no meaning of their own."""

from __future__ import annotations

from Strategy.words.table import table

NOISE = table("""the, a, an, its, it's, is, are, be, been, being, was, were, has, have, had, become, becomes, remains, remain, stays, stay,
    currently, now, just, also, simply, please, i, we, you, want, would, like, to, should, will, must, can, could, let's, let, my, our,
    your, so, very, really, value, reading, level, their, this, that, then, there, there's, these, trades, sits, of the, does, do, did,
    has been, have been, going, they, value of, even, itself, shows, stands, reads, still, i'd, i'll""")
GLUE = table("""the, a, an, its, it's, is, are, be, been, being, was, were, has, have, had, gets, become, becomes, remains, remain, stays,
    stay, currently, now, just, also, simply, please, i, i'd, i'll, i'm, we, you, want, would, like, to, should, will, must, can, could,
    let, let's, my, our, your, so, very, really, basically, value, reading, level, their, this, that, these, those, there, there's, having,
    does, do, did, of, at, by, some, signal, immediately, then, itself, which, who, me, us, them, use, using, with, for, in, on, from, as,
    per, set, place, protect, order, orders, trade, trades, position, positions, strategy, rule, rules, need, needs, condition, conditions,
    add, include, apply, keep, make, sure, simple, plan, system, run, backtest, test, try, idea, etc, etf, etfs, i.e, ie, eg, and, it, when,
    if, signals, here, hello, hi, thanks, thank, take, whenever, today, price, market, stock, trading, automatically, where, while, going,
    looking, look, goes, put, bar, time, above all, day, happens, occurs, appears, shows, triggers, triggered, true, met, given, build,
    create, step, trigger, setup, per trade, rule of, since it, because it, they, he, she, his, her""")
