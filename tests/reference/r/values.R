# What R itself says of data that it also hands over: one JSON object a case, read by tests/test_reference_r.py.
# Argument: the folder of the real data sets, if at hand.
suppressMessages({library(survival); library(cmprsk)})
folder <- commandArgs(trailingOnly = TRUE)

numbers <- function(x) {
  text <- formatC(as.numeric(x), digits = 17, format = "g", width = -1)
  paste0("[", paste(ifelse(is.finite(as.numeric(x)), text, "NaN"), collapse = ", "), "]")
}
object <- function(values) {
  inner <- mapply(function(name, x) paste0('"', name, '": ', numbers(x)), names(values), values)
  paste0("{", paste(inner, collapse = ", "), "}")
}
cases <- character()
tell <- function(case, given, found) {
  cases[[case]] <<- paste0('"', case, '": {"given": ', object(given), ', "found": ', object(found), "}")
}
limits <- function(test) test$conf.int[1:2]

# --- stats ---------------------------------------------------------------------------------------------------------
k <- c(0, 10, 15, 842, 1, 5, 37); n <- c(10, 10, 25, 8000, 3, 5, 50)
wilson <- suppressWarnings(mapply(function(k, n) limits(prop.test(k, n, correct = FALSE)), k, n))
tell("wilson", list(k = k, n = n), list(low = wilson[1, ], high = wilson[2, ]))

k <- c(83, 90, 129, 70); n <- c(86, 93, 136, 82)  # the smokers of Fleiss 1981, R's own example
tell("alike", list(k = k, n = n), list(p = prop.test(k, n)$p.value))

two <- function(k1, n1, k2, n2) {  # Newcombe 1998, method 10, from the limits that prop.test gives each share
  one <- limits(suppressWarnings(prop.test(k1, n1, correct = FALSE)))
  other <- limits(suppressWarnings(prop.test(k2, n2, correct = FALSE))); p <- k1 / n1; q <- k2 / n2
  c(p - q - sqrt((p - one[1])^2 + (other[2] - q)^2), p - q + sqrt((one[2] - p)^2 + (q - other[1])^2))
}
sides <- list(k1 = c(56, 9, 10, 0), n1 = c(70, 10, 10, 7), k2 = c(48, 3, 0, 4), n2 = c(80, 10, 20, 9))
gaps <- do.call(mapply, c(list(two), unname(sides)))
tell("newcombe", sides, list(low = gaps[1, ], high = gaps[2, ]))

t1 <- t.test(attitude$rating); t2 <- t.test(attitude$rating, attitude$complaints)
tell("mean_interval", list(a = attitude$rating), list(value = t1$estimate, low = t1$conf.int[1], high = t1$conf.int[2]))
tell("welch", list(a = attitude$rating, b = attitude$complaints),
     list(value = -diff(t2$estimate), low = t2$conf.int[1], high = t2$conf.int[2]))

cliff <- function(a, b) {  # Feng & Cliff 2004 on the full matrix of signs; the value from wilcox.test's W
  n <- length(a); m <- length(b); signs <- sign(outer(a, b, "-"))
  d <- 2 * unname(suppressWarnings(wilcox.test(a, b))$statistic) / (n * m) - 1
  s <- (m^2 * sum((rowMeans(signs) - d)^2) + n^2 * sum((colMeans(signs) - d)^2) - sum((signs - d)^2)) /
    (n * m * (n - 1) * (m - 1))
  s <- max(s, (1 - d^2) / (n * m - 1)); t <- qt(.975, n + m - 2)
  reach <- t * sqrt(s) * sqrt((1 - d^2)^2 + t^2 * s)
  list(value = d, low = (d - d^3 - reach) / (1 - d^2 + t^2 * s), high = (d - d^3 + reach) / (1 - d^2 + t^2 * s))
}
set.seed(1)
a <- sample(5, 14, TRUE, c(1, 1, 2, 3, 3)); b <- sample(5, 9, TRUE, c(3, 3, 2, 1, 1))
tell("cliff", list(a = a, b = b), cliff(a, b))

# all cases known: the robust error of survfit is the linearised one of a ratio of sums
won <- c(2, 5, 8, 1, 6, 3); of <- c(10, 10, 20, 9, 14, 17)
seller <- rep(seq_along(of), of); hit <- unlist(mapply(function(k, n) rep(1:0, c(k, n - k)), won, of))
fit <- summary(survfit(Surv(rep(1, sum(of)), hit) ~ 1, cluster = seller), times = 1)
se <- sqrt(6 / 5) * fit$std.err; p <- 1 - fit$surv; reach <- qt(.975, 5) * se / (p * (1 - p))
tell("clustered_share", list(k = won, n = of),
     list(value = p, low = plogis(qlogis(p) - reach), high = plogis(qlogis(p) + reach)))

# --- permutation ---------------------------------------------------------------------------------------------------
for (sizes in list(c(3, 3), c(5, 5), c(6, 8))) {
  x <- sample(5, sizes[1], TRUE); y <- sample(5, sizes[2], TRUE); all <- c(x, y)
  ways <- combn(length(all), sizes[1], function(i) mean(all[i]) - mean(all[-i]))
  tell(paste0("two_groups ", sizes[1]), list(a = x, b = y), list(p = mean(abs(ways) >= abs(mean(x) - mean(y)) - 1e-9)))
}
p <- c(.01, .02, .03, .04, .05, .5, .0004)
tell("holm", list(ps = p), list(adjusted = p.adjust(p, "holm")))

# --- incidence -----------------------------------------------------------------------------------------------------
curve <- function(case, time, status, entry = NULL, at = sort(unique(time[status == 1]))) {
  y <- if (is.null(entry)) Surv(time, status) else Surv(entry, time, status)
  fit <- survfit(y ~ 1); there <- summary(fit, times = at)
  keep <- there$surv > 0 & there$surv < 1  # where it is 0 or 1 the kit has limits of its own
  tell(case, c(list(days = time, ended = status, at = at[keep]), if (!is.null(entry)) list(entry = entry)),
       list(none = there$surv[keep], se = there$std.err[keep], median = fit$time[fit$surv <= .5 + 1e-9][1]))
}
for (group in levels(aml$x)) with(aml[aml$x == group, ], curve(paste("kaplan_meier aml", group), time, status))
with(lung, curve("kaplan_meier lung", time, status - 1))
six <- c(6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35)  # Freireich et al. 1963
curve("kaplan_meier 6-MP", six, c(1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0))
old <- subset(mgus, futime > 400)  # as if they had been found in an export that begins on day 400 or 1
curve("kaplan_meier late entry", old$futime, old$death, entry = ifelse(seq_len(nrow(old)) %% 2 == 0, 400, 1))
with(lung, {
  at <- c(100, 200, 365, 600); fit <- survfit(Surv(time, status - 1) ~ 1, conf.type = "log-log")
  there <- summary(fit, times = at)
  tell("limits lung", list(days = time, ended = status - 1, at = at),
       list(low = 1 - there$upper, high = 1 - there$lower))
})
state <- with(mgus2, ifelse(pstat == 1, 1, ifelse(death == 1, 2, 0)))
month <- with(mgus2, ifelse(pstat == 1, ptime, futime))
at <- c(12, 60, 120, 240)
fit <- timepoints(cuminc(month, state), at)
states <- survfit(Surv(month, factor(state, 0:2)) ~ 1)
there <- summary(states, times = at)
tell("incidence mgus2", list(days = month, outcome = state, at = at),
     list(first = there$pstate[, 2], second = there$pstate[, 3],
          error1 = there$std.err[, 2], error2 = there$std.err[, 3]))
tell("cuminc mgus2", list(days = month, outcome = state, at = at),  # its variance is another estimate of the same
     list(first = fit$est[1, ], second = fit$est[2, ], gray1 = sqrt(fit$var[1, ]), gray2 = sqrt(fit$var[2, ])))

# Clustered: what survfit's influences of single cases add up to in each cluster.
clusters <- (seq_along(month) - 1) %% 40
pulls <- survfit(Surv(month, factor(state, 0:2)) ~ 1, influence = TRUE)$influence.pstate  # its first time is before all
moved <- sapply(1:3, function(i) rowsum(pulls[, findInterval(at[i], states$time) + 1, 2], clusters))
se <- sqrt(40 / 39 * colSums(moved^2)); share <- there$pstate[1:3, 2]
reach <- qt(.975, 39) * se / abs((1 - share) * log(1 - share))
tell("clustered_incidence", list(days = month, outcome = state, clusters = clusters, at = at[1:3]),
     list(value = share, low = 1 - (1 - share)^exp(-reach), high = 1 - (1 - share)^exp(reach)))

# --- association ---------------------------------------------------------------------------------------------------
common <- mantelhaen.test(UCBAdmissions)
counts <- aperm(UCBAdmissions, c(3, 2, 1))  # strata x sex x admitted or not
a <- counts[, 1, 1]; c <- counts[, 2, 1]; n1 <- rowSums(counts[, 1, ]); n0 <- rowSums(counts[, 2, ])
tell("mantel_haenszel", list(a = a, b = counts[, 1, 2], c = c, d = counts[, 2, 2]),
     list(value = common$estimate, low = common$conf.int[1], high = common$conf.int[2],
          difference = weighted.mean(a / n1 - c / n0, n1 * n0 / (n1 + n0))))

dead <- lung$status == 2 & lung$time < 365; score <- lung$age
of <- function(x, y) (colSums(outer(x, y, "<")) + colSums(outer(x, y, "==")) / 2) / length(x)
above <- of(score[!dead], score[dead]); below <- 1 - of(score[dead], score[!dead])
variance <- var(above) / length(above) + var(below) / length(below)  # DeLong et al. 1988
auc <- unname(survival::concordance(as.numeric(dead) ~ score)$concordance)
reach <- qnorm(.975) * sqrt(variance) / (auc * (1 - auc))
tell("concordance", list(score = score, hit = dead),
     list(value = auc, low = plogis(qlogis(auc) - reach), high = plogis(qlogis(auc) + reach)))

plain <- lm(uptake ~ conc + (Treatment == "chilled"), CO2); x <- model.matrix(plain); e <- residuals(plain)
bread <- solve(crossprod(x)); sums <- rowsum(x * e, as.integer(CO2$Plant))
hc <- sqrt(diag(bread %*% crossprod(x * e) %*% bread) * 84 / 81)  # HC1; then CR1, by twelve plants
cr <- sqrt(diag(bread %*% crossprod(sums) %*% bread) * 12 / 11 * 83 / 81)
tell("slopes", list(y = CO2$uptake, x1 = CO2$conc, x2 = CO2$Treatment == "chilled", plant = as.integer(CO2$Plant)),
     list(value = coef(plain)[-1], low = coef(plain)[-1] - qt(.975, 81) * hc[-1],
          clustered = coef(plain)[-1] - qt(.975, 11) * cr[-1]))

# --- agreement -----------------------------------------------------------------------------------------------------
block <- function(case, items) {
  found <- suppressWarnings(psych::alpha(items, check.keys = FALSE, warnings = FALSE))
  k <- ncol(items); n <- sum(rowSums(!is.na(items)) > 0); value <- found$total$raw_alpha
  feldt <- 1 - (1 - value) * qf(c(.975, .025), n - 1, (n - 1) * (k - 1))
  # with blanks psych takes covariances by pairs, the kit the mean of the other items that a person answered
  rest <- sapply(1:k, function(i) cor(items[[i]], rowMeans(items[-i], na.rm = TRUE), use = "complete"))
  if (!anyNA(items)) rest <- found$item.stats$r.drop
  one <- psych::fa(items, nfactors = 1, fm = "minres", covar = FALSE); r <- cor(items, use = "pairwise")
  tell(case, as.list(setNames(as.data.frame(items), paste0("item", 1:k))),
       list(alpha = value, low = feldt[1], high = feldt[2], rest = rest,
            omega = 1 - sum(1 - one$loadings[, 1]^2) / sum(r)))
}
block("block attitude", attitude)
turned <- transform(attitude, complaints = 100 - complaints)
block("block turned", turned)
holes <- attitude; holes[cbind(c(1, 4, 9, 9), c(1, 3, 2, 5))] <- NA
block("block with blanks", holes)
if (length(folder)) {
  bfi <- read.csv(file.path(folder, "likert_psych_bfi", "bfi.csv"))
  for (item in c("A1", "C4", "C5", "E1", "E2", "O2", "O5")) bfi[[item]] <- 7 - bfi[[item]]
  for (scale in c("A", "C", "E", "N", "O")) block(paste("block bfi", scale), bfi[paste0(scale, 1:5)])
}
one <- sample(3, 60, TRUE); other <- ifelse(runif(60) < .6, one, sample(3, 60, TRUE))
agree <- psych::cohen.kappa(cbind(one, other))
tell("cohen_kappa", list(a = one, b = other),
     list(value = agree$kappa, low = agree$kappa - qnorm(.975) * sqrt(agree$var.kappa),
          high = agree$kappa + qnorm(.975) * sqrt(agree$var.kappa)))
ranks <- t(replicate(7, sample(5)))
ranks[1, ] <- c(1, 2.5, 2.5, 4, 5)
tell("kendall_w", list(rows = t(ranks), things = 5), list(value = friedman.test(ranks)$statistic / (7 * 4)))
team <- c(4, 4, 5, 3, 2, 4, 5)
tell("within", list(scores = team), list(r_wg = 1 - var(team) / 2, ad = mean(abs(team - mean(team))), sd = sd(team)))

versions <- sapply(c("psych", "survival", "cmprsk"), function(name) paste(name, packageVersion(name)))
cat('{"versions": "', R.version.string, ", ", paste(versions, collapse = ", "), '",\n', paste(cases, collapse = ",\n"),
    "}\n", sep = "")
