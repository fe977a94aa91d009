; Draws a maze without circles: from every cell there is one way to every other.
;
; The screen is 16 x 8 cells of 4 x 4 pixels. Every cell is opened to the right or downwards, as chance decides; the
; last column can only open downwards and the last row only to the right. The edge of the screen is the outer wall.

x       EQU V0
y       EQU V1
chance  EQU V2

        LD y, 0
row:    LD x, 0
cell:   RND chance, 1
        SNE x, 60           ; the last column has nothing to its right
        LD chance, 1
        SNE y, 28           ; the last row has nothing below it
        LD chance, 0
        LD I, right
        SE chance, 0
        LD I, down
        SNE x, 60
        CALL corner
        DRW x, y, 4
        ADD x, 4
        SE x, 64
        JP cell
        ADD y, 4
        SE y, 32
        JP row
done:   JP done

; The last cell of all is closed on both sides.
corner: SNE y, 28
        LD I, closed
        RET

right:  DB %....
        DB %....
        DB %....
        DB %####....

down:   DB %...#....
        DB %...#....
        DB %...#....
        DB %...#....

closed: DB %...#....
        DB %...#....
        DB %...#....
        DB %####....
