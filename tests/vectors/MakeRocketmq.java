// SPDX-License-Identifier: Apache-2.0
/*
 * Writes rocketmq.txt: records, properties, ids and compressed bodies made by
 * RocketMQ's own client library. Run by hand, when vectors are added, with the
 * jars of rocketmq-client 5.5.0 and what it needs:
 *
 *     java -cp 'DIR/*' tests/vectors/MakeRocketmq.java >tests/vectors/rocketmq.txt
 *
 * Each line: name, a space, hex. tests/unit/test_rmq_*.c know what went in.
 */
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.apache.rocketmq.common.UtilAll;
import org.apache.rocketmq.common.compression.CompressionType;
import org.apache.rocketmq.common.compression.CompressorFactory;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.producer.RecallMessageHandle;
import org.apache.rocketmq.remoting.protocol.header.ExtraInfoUtil;

public class MakeRocketmq {
    static void line(String name, byte[] b) {
        StringBuilder sb = new StringBuilder(name).append(' ');
        for (byte x : b)
            sb.append(String.format("%02x", x));
        System.out.println(sb);
    }

    static void line(String name, String s) {
        line(name, s.getBytes(StandardCharsets.UTF_8));
    }

    static byte[] body() {
        byte[] b = new byte[3000];
        for (int i = 0; i < b.length; i++)
            b[i] = (byte) (i % 61 + i / 500);
        return b;
    }

    static MessageExt message(String born, String store, int sysFlag)
        throws Exception {
        MessageExt m = new MessageExt();
        m.setTopic("TopicTest");
        m.setBody("hello, record".getBytes(StandardCharsets.UTF_8));
        m.setBodyCRC(UtilAll.crc32(m.getBody()));
        m.setQueueId(3);
        m.setFlag(-2);
        m.setQueueOffset(0x0102030405060708L);
        m.setCommitLogOffset(0x1112131415161718L);
        m.setSysFlag(sysFlag);
        m.setBornTimestamp(1700000000123L);
        m.setStoreTimestamp(1700000000456L);
        m.setBornHost(new InetSocketAddress(InetAddress.getByName(born), 4001));
        m.setStoreHost(
            new InetSocketAddress(InetAddress.getByName(store), 10911));
        m.setReconsumeTimes(5);
        m.setPreparedTransactionOffset(0x2122232425262728L);
        Map<String, String> p = new LinkedHashMap<>();
        p.put("TAGS", "TagA");
        p.put("KEYS", "k1 k2");
        p.put("UNIQ_KEY", "7F0000010001AABBCCDD0102030400FF");
        MessageAccessor.setProperties(m, p);
        return m;
    }

    static void records() throws Exception {
        line("record.v4", MessageDecoder.encode(
            message("192.168.1.2", "127.0.0.1", 0), false));
        line("record.born6", MessageDecoder.encode(
            message("2001:db8::7", "127.0.0.1", 0x10), false));
        line("record.both6", MessageDecoder.encode(
            message("2001:db8::7", "2001:db8::8", 0x38), false));
        Message a = new Message("T", "x", "one".getBytes());
        Message b = new Message("T", "y", new byte[0]);
        MessageAccessor.setProperties(b, null);
        b.setFlag(7);
        line("batch", MessageDecoder.encodeMessages(Arrays.asList(a, b)));
    }

    static void texts() throws Exception {
        MessageExt m = message("192.168.1.2", "127.0.0.1", 0);
        line("id.offset4", MessageDecoder.createMessageId(
            m.getStoreHost(), m.getCommitLogOffset()));
        line("id.offset6", MessageDecoder.createMessageId(
            new InetSocketAddress(InetAddress.getByName("2001:db8::8"), 65535),
            -2));
        line("pop.handle", ExtraInfoUtil.buildExtraInfo(
            100, 1700000000123L, 60000, 7, "T", "broker-a", 3, 104));
        line("pop.handle_retry", ExtraInfoUtil.buildExtraInfo(
            0, 1, 2, 999, "%RETRY%g_T", "b", 0, 0));
        line("pop.handle_retry2", ExtraInfoUtil.buildExtraInfo(
            0, 1, 2, 3, "%RETRY%g+T", "b", 4));
        StringBuilder s = new StringBuilder();
        ExtraInfoUtil.buildStartOffsetInfo(s, "T", 3, 100);
        ExtraInfoUtil.buildStartOffsetInfo(s, "%RETRY%g+T", 0, 9);
        line("pop.start", s.toString());
        s = new StringBuilder();
        List<Long> offsets = new ArrayList<>(Arrays.asList(100L, 101L, 104L));
        ExtraInfoUtil.buildMsgOffsetInfo(s, "T", 3, offsets);
        ExtraInfoUtil.buildMsgOffsetInfo(s, "%RETRY%g_T", 0,
            new ArrayList<>(Arrays.asList(9L)));
        line("pop.offsets", s.toString());
        s = new StringBuilder();
        ExtraInfoUtil.buildQueueIdOrderCountInfo(s, "T", 3, 2);
        ExtraInfoUtil.buildQueueOffsetOrderCountInfo(s, "T", 3, 100, 1);
        line("pop.counts", s.toString());
        line("recall", RecallMessageHandle.HandleV1.buildHandle("TopicTest",
            "broker-a", "1700000000123", "7F0000010001AABBCCDD0102030400FF"));
    }

    static void hash(String name, String s) {
        line("hash." + name, s);
        line("hash." + name + ".code", Integer.toString(s.hashCode()));
    }

    static void bodies() throws Exception {
        byte[] b = body();
        line("body.plain", b);
        line("body.lz4", CompressorFactory.getCompressor(CompressionType.LZ4)
            .compress(b, 5));
        line("body.zstd", CompressorFactory.getCompressor(CompressionType.ZSTD)
            .compress(b, 5));
        line("body.zlib", CompressorFactory.getCompressor(CompressionType.ZLIB)
            .compress(b, 5));
    }

    public static void main(String[] args) throws Exception {
        System.out.println("# SPDX-License-Identifier: Apache-2.0");
        System.out.println(
            "# Written by MakeRocketmq.java with rocketmq-client 5.5.0.");
        records();
        texts();
        hash("ascii", "TagA");
        hash("latin", "\u00e4\u00f6\u00fc");
        hash("han", "\u6d88\u606f");
        hash("pair", "a\ud83d\ude00b");
        bodies();
    }
}
