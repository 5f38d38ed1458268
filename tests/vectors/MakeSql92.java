// SPDX-License-Identifier: Apache-2.0
/*
 * Writes sql92.txt: selectors, and what RocketMQ's own filter makes of them. Run
 * by hand, with the jars of rocketmq-broker 5.5.0:
 *
 *     java -cp 'DIR/*' tests/vectors/MakeSql92.java >tests/vectors/sql92.txt
 *
 * Each line: the result, the properties as name=value;..., the selector, with
 * tabs between; in the selector \n, \t and \\ stand for themselves. Results: P
 * doesn't parse, T true, F false, N null, E evaluation fails. A number as the
 * argument makes as many random ones (default 500).
 */
import java.util.HashMap;
import java.util.Map;
import java.util.Random;

import org.apache.rocketmq.filter.expression.EvaluationContext;
import org.apache.rocketmq.filter.expression.Expression;
import org.apache.rocketmq.filter.expression.MQFilterException;
import org.apache.rocketmq.filter.parser.SelectorParser;

public class MakeSql92 {
    static final String[] PROPS = {
        "",
        "a=5;b=x;c=1.5;d=TRUE;e=-7;f=abc",
        "a=2147483648;b=abcabc;c=NaN;d=true;e=1e3;f=x",
        "a= 5 ;b=5.0;c=-0.0;d=false;e=0x10;f=It's",
        "a=+5;b=1e;c=Infinity;d=no;e=5d;f=\u00e4\u6d88",
        "a=9223372036854775808;c=.5;e=5.;A=1;$x_1=y",
    };

    static class Context implements EvaluationContext {
        final Map<String, Object> map = new HashMap<>();

        Context(String props) {
            for (String kv : props.split(";")) {
                int at = kv.indexOf('=');
                if (at > 0)
                    map.put(kv.substring(0, at), kv.substring(at + 1));
            }
        }

        public Object get(String name) {
            return map.get(name);
        }

        public Map<String, Object> keyValues() {
            return map;
        }
    }

    static String result(String sql, String props) {
        Expression e;
        try {
            e = SelectorParser.parse(sql);
        } catch (MQFilterException x) {
            return "P";
        }
        try {
            Object r = e.evaluate(new Context(props));
            return r == null ? "N" : r == Boolean.TRUE ? "T" : "F";
        } catch (Throwable t) {
            return "E";
        }
    }

    static void line(String sql, String props) {
        System.out.println(result(sql, props) + "\t" + props + "\t"
            + sql.replace("\\", "\\\\").replace("\n", "\\n")
                .replace("\t", "\\t"));
    }

    static final String[] FIXED = {
        "", " ", "a", "NOT a", "TRUE", "FALSE", "NULL", "not true", "d", "1",
        "'x'", "a = 5", "a = 5L", "a = 5.0", "a = '5'", "a<>5", "a <> 6",
        "a != 5", "a == 5", "5 = a", "a > 4", "a > 4 and a < 6", "a >= 5",
        "a <= 5", "4 < a", "a > '4'", "a > b", "a > c", "b > 'a'",
        "a BETWEEN 1 AND 5", "a between 5 and 1", "a between 5 and 5",
        "a BETWEEN -1 AND 1.5", "a NOT BETWEEN 6 AND 7",
        "a not between 7 and 6", "a between 'x' and 'y'",
        "a between null and 5", "a BETWEEN b AND c", "5 BETWEEN 1 AND a",
        "b IN ('x')", "b IN ('y', 'x')", "b NOT IN ('x')", "b in ()",
        "b in (5)", "'x' in ('x')", "z in ('x')", "z not in ('x')",
        "z IS NULL", "z IS NOT NULL", "a IS NULL", "a is not null",
        "a is 5", "NULL IS NULL", "a = NULL", "TRUE = TRUE", "TRUE = 5",
        "5 = TRUE", "TRUE = a", "d = TRUE", "TRUE = d", "d = FALSE",
        "d <> TRUE", "'x' = 'x'", "b = 'x'", "b = f", "z = y", "z = 5",
        "5 = z", "z > 5", "5 > z", "a = 1.5", "c = 1.5", "c = 1",
        "c > 1.4", "c > 1", "c < 0.1", "c < 2", "c = NaN", "e = -7",
        "e = - 7", "e = --7", "e = - - 7", "e > -8", "-e = 7", "-5 < a",
        "+5 = a", "+ +5 = a", "- 'x' = 5", "-a = 5", "NOT a = 5",
        "NOT (a = 5)", "NOT NOT (a = 5)", "NOT 5", "NOT NULL",
        "NOT (z = 5)", "(a = 5)", "((a = 5))", "((a = 5)", "(a = 5))",
        "a = 5 b", "a = 5 5", "a = 5 )", "a = 5 (", "a = 5 , x",
        "a = 5 @", "a = 5 '", "a = 5 NOT", "a NOT 5", "a = 5 AND",
        "a = 5 b @", "AND", "a = ", "= 5", "a 5 = 5", "@", "a ! 5",
        "z = 5 OR a = 5", "z = 5 AND a = 5", "z = 5 OR a = 6",
        "z = 5 AND a = 6", "a = 5 OR b = 5", "b = 5 OR a = 5",
        "a = 6 AND b = 5", "b = 5 AND a = 6",
        "a = 6 AND b = 5 OR a = 5", "a = 5 OR a = 6 AND b = 5",
        "(a = 5 OR b = 5) AND c = 1.5", "a OR b", "a AND d", "d OR d",
        "a = 5 = TRUE", "a = 5 = 'true'", "'true' = (a = 5)",
        "(a = 5) = (c = 1.5)", "(a = 5) > 1", "1 > (a = 5)",
        "a > 1 > 2", "a > TRUE", "TRUE > a", "a > NULL", "a > -(b = 5)",
        "a > -(z = 5)", "a > -(a = 5)", "f CONTAINS 'b'",
        "f contains 'abc'", "f CONTAINS ''", "f NOT CONTAINS ''",
        "f NOT CONTAINS 'b'", "z CONTAINS 'b'", "z NOT CONTAINS 'b'",
        "f STARTSWITH 'ab'", "f NOT STARTSWITH 'ab'", "f ENDSWITH 'bc'",
        "f NOT ENDSWITH 'bc'", "f ENDSWITH 'xabc'", "f CONTAINS b",
        "'abc' CONTAINS 'b'", "5 CONTAINS '5'", "(a = 5) CONTAINS 'x'",
        "(a = 5) NOT CONTAINS 'x'", "f CONTAINS 'It''s'", "f = 'It''s'",
        "f = 'It''s", "f = ''''", "f = 'x' 'y'", "f = 'a''", "f = '\u00e4\u6d88'",
        "f CONTAINS '\u6d88'", "\u00e4 = 5", "$x_1 = 'y'", "A = 1", "a=1",
        "a = 007", "a = 0l", "a = 0L", "a = 5e0", "a = 5.e0", "a = 5.",
        "a = .5", "c = .5", "a = 50E-1", "a = 5e", "a = 1.5.5",
        "a = 0.0", "a > 0", "a > 0.0", "a = 1e400", "a = 1e-400",
        "a = 2147483647", "a = 2147483648", "a = 9223372036854775807",
        "a = 9223372036854775808", "a = -9223372036854775808",
        "a = -9223372036854775807", "a = 99999999999999999999",
        "a = 5 -- comment", "a = 5 -- comment\n", "-- c\na = 5",
        "/* c */ a = 5", "a /* * / ** */ = 5", "a = /* 5", "a /**/ = 5",
        "a = 5 /", "a /* x */ /* y */ = 5", "a\t=\n5", "a = 0x10",
        "e = 16", "e = 16.0", "e = 1000", "e = 1000.0", "e = 5.0",
        "b = 5.0", "b = 5", "a BETWEEN 1 AND 9 AND c BETWEEN 1 AND 2",
        "a BETWEEN 1 AND 9 AND NOT c", "x IS NULL IS NULL",
        "a = 5 IS NULL", "a IS NULL = FALSE", "a IN ('5') = TRUE",
        "a IN ('5') IN ('x')", "a CONTAINS '5' CONTAINS 'x'",
        "a IS NULL NOT b", "a IS NULL > 5", "a IS NULL IN 5", "a = b NOT c",
        "NULL OR TRUE", "NULL AND TRUE", "NULL AND FALSE", "NULL OR FALSE",
    };

    static final String[] WORDS = {
        "a", "b", "c", "d", "e", "f", "z", "5", "6", "1.5", "'x'", "'5'",
        "'true'", "2147483648", "TRUE", "FALSE", "NULL", "AND", "OR", "NOT",
        "IS", "IN", "BETWEEN", "CONTAINS", "STARTSWITH", "ENDSWITH", "(", ")",
        ",", "=", "<>", "<", "<=", ">", ">=", "-", "+", "'abc'", "0", "/**/",
    };

    static Random random = new Random(Long.getLong("seed", 1));

    static String pick(String... of) {
        return of[random.nextInt(of.length)];
    }

    static String operand(int depth) {
        switch (random.nextInt(depth > 0 ? 12 : 10)) {
        case 0: case 1: case 2: case 3:
            return pick("a", "b", "c", "d", "e", "f", "z", "A");
        case 4: case 5:
            return pick("5", "6", "0", "1.5", "1000", "2147483648", "5e0");
        case 6:
            return pick("'x'", "'5'", "'true'", "'1.5'", "'abc'");
        case 7:
            return pick("TRUE", "FALSE", "NULL");
        case 8:
            return "-" + operand(depth - 1);
        case 9:
            return "NOT " + operand(depth - 1);
        default:
            return "(" + expression(depth - 1) + ")";
        }
    }

    static String comparison(int depth) {
        String l = operand(depth);
        switch (random.nextInt(10)) {
        case 0:
            return l + pick(" IS NULL", " IS NOT NULL");
        case 1:
            return l + pick(" IN ", " NOT IN ") + pick("('x')", "('5', 'abc')");
        case 2:
            return l + pick(" BETWEEN ", " NOT BETWEEN ") + operand(depth)
                + " AND " + operand(depth);
        case 3:
            return l + pick(" ", " NOT ")
                + pick("CONTAINS ", "STARTSWITH ", "ENDSWITH ")
                + pick("'x'", "'ab'", "''", "'5'");
        case 4:
            return l;
        default:
            return l + pick(" = ", " <> ", " > ", " >= ", " < ", " <= ")
                + operand(depth);
        }
    }

    static String expression(int depth) {
        StringBuilder s = new StringBuilder(comparison(depth));
        while (random.nextInt(3) == 0)
            s.append(pick(" AND ", " OR ")).append(comparison(depth));
        return s.toString();
    }

    static String soup() {
        StringBuilder s = new StringBuilder();
        for (int n = random.nextInt(8); n >= 0; n--)
            s.append(pick(WORDS)).append(pick(" ", " ", " ", ""));
        return s.toString();
    }

    public static void main(String[] args) {
        int n = args.length > 0 ? Integer.parseInt(args[0]) : 500;

        System.out.println("# SPDX-License-Identifier: Apache-2.0");
        System.out.println(
            "# Written by MakeSql92.java with rocketmq-filter 5.5.0.");
        for (String s : FIXED) {
            String first = result(s, PROPS[0]);
            line(s, PROPS[1]);
            if (!first.equals("P"))
                for (int i = 0; i < PROPS.length; i++)
                    if (i != 1 && !result(s, PROPS[i]).equals(
                        result(s, PROPS[1])))
                        line(s, PROPS[i]);
        }
        while (n > 0) {
            String s = random.nextInt(6) == 0 ? soup() : expression(3);
            /* most random ones don't parse, and say little */
            String props = PROPS[random.nextInt(PROPS.length)];
            if (s.length() > 200 || (result(s, props).equals("P")
                && random.nextInt(4) != 0))
                continue;
            line(s, props);
            n--;
        }
    }
}
