"""Words for what is asked of a strategy and cannot be done, or be promised."""

from __future__ import annotations

from Strategy.words.table import table

OPTION = table("""call option, call options, put option, put options, options, option, straddle, strangle, iron condor, covered call,
    covered calls, calls, puts, strike, strike price, expiry, expiration, theta, vertical spread, credit spread, butterfly, naked puts,
    naked calls, cash secured puts, leaps, option chain, implied volatility""")
BASKET = table("""pairs trade, pair trade, pairs trading, pair trading, basket, baskets, cointegration, cointegrated, long short portfolio,
    top ten stocks, rank stocks, rotate, rotation, sector rotation, rebalance, rebalancing, hedge with, arbitrage, correlation with,
    relative to the sp, the ratio of, strongest stocks, weakest stocks, rank, pairs, outperforms, outperform, hedge""")
PENDING = table("""limit order, limit orders, buy limit, sell limit, stop order entry, buy stop, sell stop, stop limit, place a limit,
    stop above, stop below, stop under, stop at the low, stop at the high, stop at yesterday's, stop just, buy stop above, buy stop below,
    sell stop below, sell stop above, limit buy, limit sell, pending order, pending orders, stop entry, buy stop order, limit price,
    limit entry, sell stop order, oco""")
SCALING = table("""scale in, scale out, scaling in, scaling out, pyramid, pyramiding, average down, averaging down, martingale, dca,
    dollar cost average, dollar cost averaging, add to the position, add to my position, add to winners, double down, grid, grid trading,
    sell half, close half, half of the position, half the position, partial, partials, partial exit, take half off, in tranches, tranches,
    add to the position every, half at, the rest, remaining half, add another, double the size, double the position, double my position,
    sell a third, add more, buy more, take partial profits, add to position, sell one third, sell 50 percent of the position, half off,
    anti martingale""")
BREAK_EVEN = table("break even, breakeven, break even stop, breakeven stop")
FUNDAMENTAL = table("""earnings, pe ratio, p / e, p / e ratio, price to earnings, p e, dividend, dividends, news, sentiment, revenue,
    fundamentals, tweet, tweets, twitter, interest rates, fed, cpi, inflation, eps, analyst, analysts, ceo, insider, insiders, report, vix,
    fear and greed, options flow, order flow, order book, open interest, funding rate, short interest, on chain, reddit, book value,
    market cap, ai prediction, machine learning, neural network, headline, headlines, gdp, unemployment""")
PATTERN = table("""hammer, doji, engulfing, bullish engulfing, bearish engulfing, head and shoulders, double top, double bottom, triangle,
    wedge, flag, cup and handle, elliott, fibonacci, fib, support, resistance, trendline, trend line, divergence, bullish divergence,
    bearish divergence, harmonic, pivot, pivot point, pivot points, gap up, gap down, gaps, gap, fair value gap, order block,
    liquidity sweep, shooting star, morning star, evening star, pin bar, market structure, break of structure, supply zone, demand zone,
    heikin ashi, renko, uptrend, downtrend, trend, sideways, consolidation, volatility squeeze, squeeze, spinning top, three white soldiers,
    hanging man, swing high, swing low, higher timeframe trend, bull market, bear market""")
PROMISE = table("""guaranteed to make money, to make money, 100 guaranteed, guaranteed profit, guaranteed profits, risk free profit,
    risk free profits, risk free returns, guaranteed returns, guaranteed, guarantee, guarantees, can't lose, cannot lose, never loses,
    never lose, no risk, zero risk, sure thing, 100 percent win, always wins, always win, always profitable, get rich, holy grail,
    without any risk, cannot fail, can't fail, foolproof, surefire, riskless, risk free money, risk free, free money, never fails,
    double your money, win every time""")
